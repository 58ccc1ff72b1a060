"""Named arrays in one file, mapped into memory instead of read.

Workers share the pages of a mapped file, and only those that are touched
take memory. Layout: 8 bytes of magic, 8 bytes (little endian) with the length
of a json header, the header, then the arrays, each on a multiple of 64 bytes.
"""
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

import numpy as np

_MAGIC = b'MMSGARR1'
_ALIGNMENT = 64


class ArrayFile:
    """A file of ``write_array_file`` or ``ArrayFileWriter``, open to read.

    Pickles by its path, so that workers that are spawned map it themselves.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no such file, or cut off.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        header, start = self._read_header()
        self.meta: dict[str, Any] = header['meta']
        content = np.memmap(self.path, np.uint8, 'r')  # (bytes of the file,)
        arrays = {}
        for name, (dtype, shape, offset) in header['arrays'].items():
            first = start + offset
            length = int(np.prod(shape)) * np.dtype(dtype).itemsize
            if first + length > len(content):
                raise ValueError(f'{self.path} is cut off within its array '
                                 f'{name}; copy or make it again')
            part = np.asarray(content[first:first + length])
            arrays[name] = part.view(dtype).reshape(shape)
        self.arrays: Mapping[str, np.ndarray] = MappingProxyType(arrays)

    def __reduce__(self) -> tuple:
        return type(self), (self.path, )

    def _read_header(self) -> tuple[dict, int]:
        if not self.path.is_file():
            raise FileNotFoundError(f'there is no {self.path}')
        with self.path.open('rb') as file:
            magic, length = file.read(8), file.read(8)
            if magic != _MAGIC:
                raise ValueError(
                    f'{self.path} is no file of outliers: it starts with '
                    f'{magic!r}; make it with '
                    'tools/dataset_converters/coco_outliers.py')
            header = file.read(int.from_bytes(length, 'little'))
        try:
            return json.loads(header), _align(16 + len(header))
        except ValueError as error:
            raise ValueError(f'{self.path} is cut off within its header; '
                             'copy or make it again') from error


def write_array_file(path: str | Path, arrays: Mapping[str, np.ndarray],
                     meta: Mapping[str, Any]) -> None:
    """Write arrays so that no reader ever sees half a file.

    Args:
        path: To write or replace, at once, when everything is on disk.
        arrays: Of any shape, without objects.
        meta: JSON-ready.
    """
    sizes = {name: (array.dtype, array.shape)
             for name, array in arrays.items()}
    with _replacing(Path(path)) as file:
        _write_header(file, sizes, meta)
        for array in arrays.values():
            _pad(file)
            file.write(np.ascontiguousarray(array).tobytes())


def write_blobs(path: str | Path, blobs: Iterable[bytes],
                finish: Iterator[tuple[Mapping[str, np.ndarray],
                                       Mapping[str, Any]]]) -> None:
    """Write blobs as they come, too many to hold, then arrays about them.

    Args:
        path: To write or replace, at once, when everything is on disk.
        blobs: Go one behind the other into the array ``blobs``.
        finish: Asked once, after the last blob, for ``(arrays, meta)``.
    """
    path = Path(path)
    with tempfile.TemporaryFile(dir=path.parent) as spool:
        for blob in blobs:
            spool.write(blob)
        length = spool.tell()
        spool.seek(0)
        arrays, meta = next(finish)
        sizes = {name: (array.dtype, array.shape)
                 for name, array in arrays.items()}
        sizes['blobs'] = (np.dtype(np.uint8), (length, ))
        with _replacing(path) as file:
            _write_header(file, sizes, meta)
            for array in arrays.values():
                _pad(file)
                file.write(np.ascontiguousarray(array).tobytes())
            _pad(file)
            while chunk := spool.read(1 << 24):
                file.write(chunk)
