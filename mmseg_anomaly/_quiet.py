"""Leave out what other libraries say on the first screen and nobody needs.

Each message is named; everything else they say is shown. At import only what
they say while this package imports them is left out, so whoever imports them
first sees it all. While a runner works, the terminal is spared; the log file
keeps every line.
"""
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mmengine import logging as mmengine_logging

# mmcv-lite has no compiled operators; nothing here uses this one
_IMPORT_WARNING = r'Fail to import ``MultiScaleDeformableAttention``'
# a DEBUG message that MMSeg prints, without a logger
_IMPORT_MESSAGE = 'Could not import OneDL'

# beginnings of what stays off the terminal
_LOG_MESSAGES = (
    '"FileClient" will be deprecated in future.',  # said by MMEngine to itself
    '"HardDiskBackend" is the alias of "LocalBackend"',  # likewise
    'The prefix is not set in metric class SemanticIoUMetric.',  # as in MMSeg
    'Hooks will be executed in the following order:\n',
    'Config:\n',  # is in the work dir; an error would stand below all of it
)


@contextmanager
def quiet_imports() -> Iterator[None]:
    """Leave out what mmcv and MMSeg say while they are imported."""
    print_log = mmengine_logging.print_log

    def print_other(msg: Any, *args: Any, **kwargs: Any) -> None:
        if msg != _IMPORT_MESSAGE:
            print_log(msg, *args, **kwargs)

    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', _IMPORT_WARNING)
        mmengine_logging.print_log = print_other
        try:
            yield
        finally:
            mmengine_logging.print_log = print_log


def is_worth_a_line(record: logging.LogRecord) -> bool:
    """Return whether a message goes to the terminal; a filter of a handler."""
    return not record.getMessage().startswith(_LOG_MESSAGES)


def spare_terminal(logger: logging.Logger) -> None:
    """Keep the messages in question off the terminal, not off the files."""
    for handler in logger.handlers:
        if not isinstance(handler, logging.FileHandler):
            handler.addFilter(is_worth_a_line)
