"""Indices on disk, made once however many processes ask at the same time."""
import logging
import os
import stat
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
    to write. Where a file must be written and cannot, it goes, with a warning,
    to a folder for temporary files that belongs to the user alone.

    Args:
        name: Of the file, naming content and format.
        write: Fills the writer.
        cache_dir: Folder; ``default_cache_dir()`` unless given.

    Returns:
        The open file.

    Raises:
        PermissionError: If neither folder can be used.
    """
    path = Path(cache_dir or default_cache_dir(), name)
    with suppress(OSError, ValueError):  # not there, unreadable or damaged
        return ArrayFile(path)
    path = _writable(path.parent) / name
    with FileLock(f'{path}.lock'):
        if path.is_file():
            try:
                return ArrayFile(path)
            except ValueError as error:
                print_log(f'{error}; it is made anew', logger='current',
                          level=logging.WARNING)
        with ArrayFileWriter(path) as writer:
            write(writer)
    return ArrayFile(path)


def _writable(cache_dir: Path) -> Path:
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache_dir):
            return cache_dir
    except OSError as error:
        other = _own_temporary_folder()
        print_log(f'no index can be kept in {cache_dir} ({error}), so it goes '
                  f'to {other}; give a folder that can be written, by '
                  '`cache_dir` or XDG_CACHE_HOME',
                  logger='current', level=logging.WARNING)
        return other


def _own_temporary_folder() -> Path:
    """Return a folder, the same at each start, that nobody else can write."""
    folder = Path(tempfile.gettempdir(), f'mmseg_anomaly-{os.getuid()}')
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()  # of a link itself
    if (not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid()
            or stat.S_IMODE(status.st_mode) & 0o077):
        raise PermissionError(
            f'{folder} must be a folder of this user alone, so no index is '
            'put there; remove it, or give another folder by `cache_dir` or '
            'XDG_CACHE_HOME')
    return folder
