"""Read and write cut-outs packed into one file.

Shape letters: h, w of an object, N objects.
"""
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
from mmseg.registry import DATASETS

from mmseg_anomaly.checks import check_text
from mmseg_anomaly.text_files import parse_json

from .array_file import (
    ArrayFile,
    ArrayFileWriter,
    pack_texts,
    unpack_bytes,
)
from .cutout import Cutout
from .image_files import BrokenImageError, decode_image

_KIND = 'mmseg_anomaly outliers'
_ARRAYS = ('pixels', 'starts', 'lengths', 'record_bytes', 'record_ends')
_PNG_LEVEL = [cv2.IMWRITE_PNG_COMPRESSION, 1]  # reads fastest, hardly larger


@DATASETS.register_module()
class PackedOutliers:
    """Cut-outs of ``tools/dataset_converters/coco_outliers.py``.

    Gives the pixels and, by the same seed, the choices of the source it was
    made from. The file is mapped, not read: workers share it.

    .. code-block:: python

        source=dict(type='PackedOutliers',
                    pack_file='data/coco/outliers_train2017.pack')

    Args:
        pack_file: The file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is something else, cut off, or empty.
    """

    def __init__(self, pack_file: str) -> None:
        check_text('pack_file', pack_file, of=self)
        self._file = ArrayFile(pack_file)
        if self._file.meta.get('kind') != _KIND:
            raise ValueError(
                f'{pack_file} holds no outliers but '
                f'{self._file.meta.get("kind", "something else")}; make it '
                'with tools/dataset_converters/coco_outliers.py')
        if missing := {*_ARRAYS} - self._file.arrays.keys():
            raise ValueError(f'{pack_file} lacks {sorted(missing)}; make it '
                             'again')
        if len(self) == 0:
            raise ValueError(f'{pack_file} holds no object; make it again '
                             'with other filters')

    def __len__(self) -> int:
        return len(self._file.arrays['starts'])

    def __getitem__(self, number: int) -> Cutout:
        """Read one object.

        Raises:
            BrokenImageError: If its pixels are damaged.
        """
        arrays = self._file.arrays
        start = arrays['starts'][number]
        content = arrays['pixels'][start:start + arrays['lengths'][number]]
        where = f'object {number} of {self._file.path} is damaged: it'
        bgra = decode_image(content.tobytes(), where, with_alpha=True)
        if bgra.dtype != np.uint8 or bgra.shape[2:] != (4, ):
            raise BrokenImageError(f'{where} is not RGBA of 8 bit; copy or '
                                   'make the file again')
        record = self._record(number)
        return Cutout(bgra[..., :3], bgra[..., 3], record['category'],
                      record['origin'])

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(pack_file={str(self._file.path)!r}, '
                f'objects={len(self)})')

    def origin(self, number: int) -> dict[str, int | str]:
        """Return where an object comes from without reading its pixels."""
        return self._record(number)['origin']

    def content_hash(self, number: int) -> str:
        """Return ``Cutout.content_hash()`` without reading its pixels."""
        return self._record(number)['content_hash']

    def _record(self, number: int) -> dict:
        arrays = self._file.arrays
        content = unpack_bytes(
            arrays['record_bytes'], arrays['record_ends'], number)
        try:
            return parse_json(
                content, f'the record of object {number} of {self._file.path}',
                dict, dict(category=str, origin=dict, content_hash=str),
                remedy='copy or make the file again')
        except ValueError as error:
            raise BrokenImageError(str(error)) from None


def encode_cutout(cutout: Cutout) -> tuple[bytes, dict]:
    """Return a cut-out as PNG with alpha, and what else there is to know.

    Colours under alpha 0 become black, which nothing shows.
    """
    visible = np.where(cutout.alpha[..., None] > 0, cutout.image, np.uint8(0))
    bgra = np.concatenate((visible, cutout.alpha[..., None]), axis=2)
    record = dict(category=cutout.category, origin=cutout.origin,
                  content_hash=cutout.content_hash())
    return cv2.imencode('.png', bgra, _PNG_LEVEL)[1].tobytes(), record


def write_pack(pack_file: str | Path,
               objects: Iterable[tuple[int, bytes, dict]],
               meta: dict) -> int:
    """Write a file for ``PackedOutliers``.

    Args:
        pack_file: To write or replace, at once, when all is well.
        objects: ``(number, *encode_cutout(cutout))`` in any order; the file
            has them by their numbers.
        meta: What to note about the source, JSON-ready.

    Returns:
        How many there were.
    """
    entries = []  # (number, start, length, record)

    def blobs() -> Iterator[bytes]:
        start = 0
        for number, blob, record in objects:
            entries.append((number, start, len(blob), json.dumps(record)))
            start += len(blob)
            yield blob

    with ArrayFileWriter(pack_file) as writer:
        writer.meta = {**meta, 'kind': _KIND}
        writer.add_chunks('pixels', blobs())
        entries.sort()
        for column, name in ((1, 'starts'), (2, 'lengths')):
            writer.add(name, np.array([entry[column] for entry in entries],
                                      np.int64))
        record_bytes, record_ends = pack_texts(entry[3] for entry in entries)
        writer.add('record_bytes', record_bytes)
        writer.add('record_ends', record_ends)
    return len(entries)
