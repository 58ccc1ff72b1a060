"""Logging of a conversion."""
from collections.abc import Callable

from mmengine.logging import print_log

Say = Callable[[str], None]


def say(text: str) -> None:
    """Log one line."""
    print_log(text, logger='current')
