"""Say how far long work is, in lines that a log file can hold, too."""
import time
from collections.abc import Collection, Iterable, Iterator
from typing import TypeVar

from mmengine.logging import print_log

Item = TypeVar('Item')

INTERVAL_S = 5.0


def with_progress(items: Iterable[Item], task: str,
                  total: int | None = None) -> Iterator[Item]:
    """Yield items, and log every five seconds how many are done.

    Short work logs nothing.

    Args:
        items: What is worked on.
        task: What is done, such as 'reading objects'.
        total: How many there are, if ``items`` has no length.
    """
    if total is None and isinstance(items, Collection):
        total = len(items)
    end = '' if total is None else f' of {total}'
    said = time.monotonic()
    for number, item in enumerate(items):
        if time.monotonic() - said >= INTERVAL_S:
            said = time.monotonic()
            print_log(f'{task}: {number}{end}', logger='current')
        yield item
