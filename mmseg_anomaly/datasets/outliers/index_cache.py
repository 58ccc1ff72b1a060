"""Indices on disk, made once however many processes ask at the same time."""
import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.logging import print_log

from .array_file import ArrayFile, ArrayFileWriter


def default_cache_dir() -> Path:
    """Return where indices are kept unless told otherwise."""
    base = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
    return Path(base, 'mmseg_anomaly')


def cached_array_file(name: str, write: Callable[[ArrayFileWriter], None],
                      cache_dir: Path | None = None) -> ArrayFile:
    """Open a file of the cache; write it first if it is not there.

    The name has to follow from the content that the file describes, so that
    a changed source has another file. One process writes while the others
    wait for its lock, which the system drops if the process dies; the
    finished file appears at once. Where the folder cannot be written, the
    process keeps a temporary file for itself, with a warning.

    Args:
        name: Of the file, naming content and format.
        write: Fills the writer.
        cache_dir: Folder; ``default_cache_dir()`` unless given.

    Returns:
        The open file.
    """
    cache_dir = default_cache_dir() if cache_dir is None else Path(cache_dir)
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with _locked(cache_dir / f'{name}.lock'):
            return _open_or_write(cache_dir / name, write)
    except OSError as error:
        print_log(f'the index cannot be kept in {cache_dir} ({error}), so '
                  'that every start scans anew; give a folder that can be '
                  'written, by `cache_dir` or XDG_CACHE_HOME',
                  logger='current', level='WARNING')
    with tempfile.TemporaryDirectory() as folder:
        return _write(Path(folder, name), write)  # stays mapped


def _open_or_write(path: Path,
                   write: Callable[[ArrayFileWriter], None]) -> ArrayFile:
    if path.is_file():
        try:
            return ArrayFile(path)
        except ValueError as error:
            print_log(f'{error}; it is made anew', logger='current',
                      level='WARNING')
    return _write(path, write)


def _write(path: Path,
           write: Callable[[ArrayFileWriter], None]) -> ArrayFile:
    with ArrayFileWriter(path) as writer:
        write(writer)
    return ArrayFile(path)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open('w') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
