"""Named arrays in one memory-mapped file, and a cache of such files.

Workers share the pages of a mapped file, and only those that are touched
take memory. Layout: magic, the arrays, each on a multiple of 64 bytes, a json
footer, its length in 8 bytes (little endian), magic. The footer comes last,
so that arrays of unknown length can be written as they come.

safetensors was measured instead, on an index of 100 000 instances: reading
the slices of one instance takes 13 us instead of 6, whole columns, as the
filters read them, are copied into every worker (1.1 MB instead of nothing),
and its writer wants all arrays at once, which for packed objects means
gigabytes in memory.
"""
import json
import logging
import math
import os
import tempfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any

import numpy as np
from filelock import FileLock  # a dependency of torch
from mmengine.logging import print_log

from mmseg_anomaly.paths import name_file
from mmseg_anomaly.text_files import fits, parse_json

_MAGIC = b'MMSGARR1'
_ALIGNMENT = 64


class ArrayFile:
    """A file of ``ArrayFileWriter``, open to read.

    ``arrays`` are read-only and stay on disk until they are touched; ``meta``
    is what the writer noted. Pickles by its path, so that workers that are
    spawned map the file themselves.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is something else, or cut off.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise FileNotFoundError(f'there is no {self.path}')
        footer, end = self._read_footer()
        self.meta: dict[str, Any] = footer['meta']
        content = np.memmap(self.path, np.uint8, 'r')[:end]
        self._crc: int | None = footer.get('crc32')
        self._content = content
        try:
            self.arrays: Mapping[str, np.ndarray] = MappingProxyType({
                name: _view(content, *place)
                for name, place in footer['arrays'].items()
            })
        except (TypeError, ValueError) as error:
            raise self._damaged(
                f'its footer describes no arrays: {error}') from error

    def __reduce__(self) -> tuple:
        return type(self), (self.path, )

    def check_content(self) -> None:
        """Read the whole file and compare its checksum.

        Raises:
            ValueError: If a byte has changed since it was written.
        """
        if self._crc != zlib.crc32(self._content):
            raise self._damaged('its arrays have changed')

    def _read_footer(self) -> tuple[dict, int]:
        """Return the footer, and where it begins."""
        tail = 8 + len(_MAGIC)
        with self.path.open('rb') as file:
            starts_well = file.read(len(_MAGIC)) == _MAGIC
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - tail, 0))
            length, magic = file.read(8), file.read()
            start = size - tail - int.from_bytes(length, 'little')
            if not starts_well or magic != _MAGIC or start < len(_MAGIC):
                raise self._damaged('its first or last bytes are others')
            file.seek(start)
            content = file.read(size - tail - start)
        try:
            return parse_json(
                content, 'its footer', dict,
                dict(meta=dict, arrays=dict[str, list]),
                optional=dict(crc32=int)), start
        except ValueError as error:
            raise self._damaged(str(error)) from None

    def _damaged(self, reason: str) -> ValueError:
        return ValueError(
            f'{self.path} of {self.path.stat().st_size} bytes is no complete '
            f'array file ({reason}); make it again with the tool or class '
            'that wrote it')


class ArrayFileWriter:
    """Writes a file so that no reader ever sees half of it.

    Everything goes to a file without a name in the folder of the target,
    which vanishes with the process, whatever ends it. It replaces the target
    in one step when the ``with`` block ends without an error.

    Args:
        path: File to write or replace.

    Raises:
        IsADirectoryError: On entry, if it is a folder.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.meta: dict[str, Any] = {}
        self._places: dict[str, tuple[str, list[int], int]] = {}
        self._crc = 0

    def __enter__(self) -> 'ArrayFileWriter':
        if self.path.is_dir():  # said before hours of work
            raise IsADirectoryError(f'{self.path} cannot be written, it is a '
                                    'folder; name a file')
        self._file = tempfile.TemporaryFile(  # noqa: SIM115
            dir=self.path.parent)
        self._write(_MAGIC)
        return self

    def __exit__(self, kind: type[BaseException] | None,
                 error: BaseException | None,
                 trace: TracebackType | None) -> None:
        with self._file:
            if kind is None:
                self._write_footer()
                self._file.flush()
                name_file(self._file, self.path)

    def add(self, name: str, array: np.ndarray) -> None:
        """Write an array of any shape and any dtype but objects."""
        offset = self._align()
        self._write(np.ascontiguousarray(array).data)
        self._places[name] = array.dtype.str, list(array.shape), offset

    def add_chunks(self, name: str, chunks: Iterable[bytes]) -> None:
        """Write chunks, as they come, as one array of uint8."""
        offset = self._align()
        for chunk in chunks:
            self._write(chunk)
        length = self._file.tell() - offset
        self._places[name] = '|u1', [length], offset

    def _write(self, content: bytes | memoryview) -> None:
        self._crc = zlib.crc32(content, self._crc)
        self._file.write(content)

    def _align(self) -> int:
        self._write(bytes(-self._file.tell() % _ALIGNMENT))
        return self._file.tell()

    def _write_footer(self) -> None:
        footer = json.dumps(dict(meta=self.meta, arrays=self._places,
                                 crc32=self._crc)).encode()
        self._file.write(footer + len(footer).to_bytes(8, 'little') + _MAGIC)


def _view(content: np.ndarray, dtype: str, shape: list[int],
          offset: int) -> np.ndarray:
    if not fits(dtype, str) or not fits([*shape, offset], list[int]):
        raise TypeError(f'{[dtype, shape, offset]}')
    length = math.prod(shape) * np.dtype(dtype).itemsize
    if min([*shape, offset]) < 0 or offset + length > len(content):
        raise ValueError(f'{[dtype, shape, offset]} exceeds the file')
    return content[offset:offset + length].view(dtype).reshape(shape)


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

    A file that is damaged, or was put there under another name, is made
    again, and the log says so.

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
        return _open_cached(path)
    _require_writable(path.parent)
    with FileLock(f'{path}.lock'):
        if path.is_dir():
            aside = tempfile.mkdtemp(prefix=f'{name}.', dir=path.parent)
            path.rename(Path(aside, name))
            print_log(f'the folder {path} is moved to {aside}, an index is '
                      'made in its place', logger='current',
                      level=logging.WARNING)
        elif path.exists():
            try:
                return _open_cached(path)
            except (OSError, ValueError) as error:
                print_log(f'{error}; it is made again', logger='current',
                          level=logging.WARNING)
        with ArrayFileWriter(path) as writer:
            writer.meta['name'] = name
            write(writer)
    return _open_cached(path)


def _open_cached(path: Path) -> ArrayFile:
    file = ArrayFile(path)
    file.check_content()
    if file.meta.get('name') != path.name:
        raise ValueError(f'{path} was written as {file.meta.get("name")!r}')
    return file


def _require_writable(cache_dir: Path) -> None:
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache_dir):
            return
    except OSError as error:
        raise PermissionError(
            f'no index can be kept in {cache_dir} ({error}); give a folder '
            'that can be written, by `cache_dir` or XDG_CACHE_HOME') from error


def pack_texts(texts: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return texts as one array of bytes, and where each ends.

    Args:
        texts: N of them, of any length.

    Returns:
        (bytes,) uint8 of UTF-8, and (N + 1,) int64 of which text i takes
        [ends[i], ends[i + 1]).
    """
    encoded = [text.encode() for text in texts]
    ends = np.cumsum([0] + [len(text) for text in encoded], dtype=np.int64)
    return np.frombuffer(b''.join(encoded), np.uint8), ends


def unpack_text(content: np.ndarray, ends: np.ndarray, row: int) -> str:
    """Return text ``row`` of what ``pack_texts`` returned."""
    return unpack_bytes(content, ends, row).decode()


def unpack_bytes(content: np.ndarray, ends: np.ndarray, row: int) -> bytes:
    """Return text ``row`` as UTF-8, which a damaged file may not be."""
    return content[ends[row]:ends[row + 1]].tobytes()
