"""Keep array files in a cache; one process writes, all read."""
import logging
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from filelock import FileLock  # a dependency of torch
from mmengine.logging import print_log

from .array_file import ArrayFile, ArrayFileWriter


def default_cache_dir() -> Path:
    """Return where indices are kept unless told otherwise."""
    base = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
    return Path(base, 'mmseg_anomaly')


def cached_array_file(name: str, write: Callable[[ArrayFileWriter], None],
                      cache_dir: str | Path | None = None) -> ArrayFile:
    """Open a file of the cache; write it first if it is not there.

    The name has to follow from the content that the file describes, so that
    a changed source has another file. One process writes while the others
    wait for its lock, which the system drops if the process dies; the
    finished file appears at once, and whoever finds it there needs no right
    to write.

    Args:
        name: File name that follows from content and format.
        write: Fills the writer.
        cache_dir: Folder; ``default_cache_dir()`` unless given.

    Returns:
        The open file.

    Raises:
        PermissionError: If the file must be written and the folder does not
            allow it.
    """
    path = Path(cache_dir or default_cache_dir(), name)
    with suppress(OSError, ValueError):  # not there, unreadable or damaged
        return ArrayFile(path)
    _require_writable(path.parent)
    with FileLock(f'{path}.lock'):
        if path.is_file():
            try:
                return ArrayFile(path)
            except ValueError as error:
                print_log(f'{error}; it is made again', logger='current',
                          level=logging.WARNING)
        with ArrayFileWriter(path) as writer:
            write(writer)
    return ArrayFile(path)


def _require_writable(cache_dir: Path) -> None:
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache_dir):
            return
    except OSError as error:
        raise PermissionError(
            f'no index can be kept in {cache_dir} ({error}); give a folder '
            'that can be written, by `cache_dir` or XDG_CACHE_HOME') from error
