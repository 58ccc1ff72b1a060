"""Read label files and look up what their ids mean.

A raw id is a number in a file, a stored id the number in ``gt_sem_seg``
(``labels.py``). Shape letters: H rows, W columns.
"""
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import mmcv
import numpy as np
from mmengine import fileio
from PIL import Image

from mmseg_anomaly.labels import RESERVED_INDICES

# What Pillow raises for files that are damaged or too large.
PILLOW_ERRORS = (OSError, SyntaxError, ValueError, struct.error, zlib.error,
                 Image.DecompressionBombError)


def read_label(path: str, backend_args: dict | None = None) -> np.ndarray:
    """Read a label file as it is stored.

    Args:
        path: File with one channel of 8 bit; palette files give their
            indices.
        backend_args: Arguments of the file backend.

    Returns:
        (H, W) uint8 raw ids.

    Raises:
        ValueError: If the file cannot be decoded or is something else.
    """
    content = fileio.get(path, backend_args=backend_args)
    label = decode_stored(content, f'label file {path}')
    if label.ndim != 2 or label.dtype not in (np.uint8, bool):
        raise ValueError(
            f'label file {path} must be one channel of 8 bit ids, got shape '
            f'{label.shape} of {label.dtype}; convert colours to ids first')
    return label.astype(np.uint8)


def decode_stored(content: bytes, name: str) -> np.ndarray:
    """Decode an image whose numbers mean something, palette files to indices.

    Args:
        content: Whole file.
        name: What errors call it.

    Returns:
        (H, W) or (H, W, channels), of whatever dtype the file has.

    Raises:
        ValueError: If the file cannot be decoded or is too large.
    """
    try:
        return mmcv.imfrombytes(content, flag='unchanged', backend='pillow')
    except PILLOW_ERRORS as error:  # without the path
        raise ValueError(
            f'{name} of {len(content)} bytes cannot be decoded as an image '
            f'({error}); write or copy it again') from error


def stored_ids(label_map: Mapping[int, int] | None) -> np.ndarray:
    """Return the stored id of each raw id, (256,) uint8.

    Args:
        label_map: Stored ids of the raw ids that change.
    """
    table = np.arange(256, dtype=np.uint8)
    for raw_id, stored_id in (label_map or {}).items():
        table[raw_id] = stored_id
    return table


def ids_outside_map(raw_ids: np.ndarray, info: Mapping[str, Any]) -> list[int]:
    """Return the raw ids that are missing from a complete label map.

    Args:
        raw_ids: Ids that occur in a file.
        info: What the dataset knows of the image: ``label_map``, and
            ``label_map_is_complete`` if every id of its files is listed.

    Returns:
        The missing ids; none where the map is not complete.
    """
    if not info.get('label_map_is_complete', False):
        return []
    return [raw_id for raw_id in raw_ids.tolist()
            if raw_id not in (info.get('label_map') or {})]


def ids_without_meaning(raw_ids: np.ndarray, info: Mapping[str, Any],
                        num_classes: int) -> list[int]:
    """Return the raw ids whose stored id is neither a class nor reserved.

    Args:
        raw_ids: Ids that occur in a file.
        info: What the dataset knows of the image, ``label_map`` included.
        num_classes: Stored ids below it are classes.
    """
    stored = stored_ids(info.get('label_map'))[raw_ids]
    has_meaning = (stored < num_classes) | np.isin(stored, RESERVED_INDICES)
    return raw_ids[~has_meaning].tolist()
