"""Index a COCO json in arrays on disk.

Shape letters: I images, N instances, P pairs of an image and a category,
M bytes of masks.
"""
import hashlib
import zlib
from pathlib import Path

import cv2
import numpy as np

from mmseg_anomaly.progress import with_progress

from .array_file import (
    ArrayFile,
    ArrayFileWriter,
    cached_array_file,
    pack_texts,
    unpack_text,
)
from .coco_json import (
    read_annotations,
    read_coco_json,
    read_runs,
    to_run_lengths,
)

_FORMAT = 3  # counts up when the arrays change
_RAW_DEFLATE = -zlib.MAX_WBITS  # without a header of 6 bytes
OBJECT, CROWD, WITHOUT_MASK, DAMAGED = range(4)


class CocoIndex:
    """The instances of a COCO file, in its order, filtered by nobody.

    Plain arrays in a mapped file: a Python dict for each instance of COCO
    would be copied into every worker as its reference counts change.

    ==================  ======  =============================================
    ``name_bytes``      uint8   file names, see ``pack_texts``
    ``name_ends``       (I+1,)
    ``image_ids``       (I,)    COCO's own
    ``sizes_hw``        (I, 2)
    ``pairs``           (P, 2)  (image row, category row) that occur
    ``kinds``           (N,)    OBJECT, CROWD, WITHOUT_MASK or DAMAGED
    ``image_rows``      (N,)    into the arrays of images
    ``category_rows``   (N,)    into ``categories``
    ``annotation_ids``  (N,)    COCO's own
    ``areas``           (N,)    pixels of the mask
    ``boxes_xywh``      (N, 4)  tight around the mask
    ``solidities``      (N,)    float32, area by that of the convex hull
    ``masks``           (M,)    uint8, deflated run lengths, one by one
    ``mask_ends``       (N+1,)  mask i takes [ends[i], ends[i + 1])
    ==================  ======  =============================================

    Integers have the smallest type that holds all of their array, so cast
    before doing arithmetic.

    Args:
        file: The mapped arrays.
    """

    def __init__(self, file: ArrayFile) -> None:
        self.file = file
        self.categories: tuple[str, ...] = tuple(file.meta['categories'])

    def __len__(self) -> int:
        return len(self.file.arrays['kinds'])

    def __getitem__(self, name: str) -> np.ndarray:
        return self.file.arrays[name]

    def file_name(self, image_row: int) -> str:
        return unpack_text(self['name_bytes'], self['name_ends'], image_row)

    def decode_mask(self, row: int) -> tuple[np.ndarray, tuple[slice, slice]]:
        """Return an instance's mask, cropped, and where it was.

        Args:
            row: Number of the instance, an OBJECT.

        Returns:
            (h, w) uint8 of 0 and 1, and the rows and columns of its image
            that it covers.
        """
        from pycocotools import mask as coco_mask  # not for packed sources
        ends = self['mask_ends']
        counts = zlib.decompress(
            self['masks'][ends[row]:ends[row + 1]], _RAW_DEFLATE)
        size_hw = self['sizes_hw'][self['image_rows'][row]].tolist()
        left, top, width, height = self['boxes_xywh'][row].tolist()
        box = slice(top, top + height), slice(left, left + width)
        mask = coco_mask.decode(dict(size=size_hw, counts=counts))
        return mask[box], box


def open_coco_index(ann_file: Path, cache_dir: Path | None) -> CocoIndex:
    """Map the index of a json, made the first time anyone asks.

    Args:
        ann_file: Instance annotations, polygons or run lengths.
        cache_dir: Where indices are kept.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is broken; see ``read_coco_json``.
    """
    content = read_annotations(ann_file)
    digest = hashlib.sha256(content).hexdigest()[:24]
    return CocoIndex(
        cached_array_file(
            f'{ann_file.stem}-{digest}-v{_FORMAT}.index',
            lambda writer: _write_index(writer, content, ann_file),
            cache_dir))


def refuse_damaged(ann_file: Path, row: int) -> None:
    """Raise what is wrong with the mask of a DAMAGED instance.

    Args:
        ann_file: The json of the index.
        row: Number of the instance.

    Raises:
        ValueError: See ``to_run_lengths``.
    """
    coco = read_coco_json(read_annotations(ann_file), ann_file)
    sizes_hw = {image['id']: (image['height'], image['width'])
                for image in coco['images']}
    item = coco['annotations'][row]
    to_run_lengths(item['segmentation'], sizes_hw[item['image_id']],
                   item['id'], ann_file)


def _write_index(writer: ArrayFileWriter, content: bytes,
                 ann_file: Path) -> None:
    coco = read_coco_json(content, ann_file)
    writer.meta['categories'] = [item['name'] for item in coco['categories']]
    arrays = _image_arrays(coco) | _mask_arrays(coco, ann_file)
    for name, array in arrays.items():
        writer.add(name, _narrow(array))


def _image_arrays(coco: dict[str, list[dict]]) -> dict[str, np.ndarray]:
    images, annotations = coco['images'], coco['annotations']
    image_rows = {image['id']: row for row, image in enumerate(images)}
    category_rows = {item['id']: row
                     for row, item in enumerate(coco['categories'])}
    rows = np.array([(image_rows[item['image_id']],
                      category_rows[item['category_id']])
                     for item in annotations], np.int32).reshape(-1, 2)
    name_bytes, name_ends = pack_texts(image['file_name'] for image in images)
    return dict(
        name_bytes=name_bytes,
        name_ends=name_ends,
        image_ids=np.array([image['id'] for image in images], np.int64),
        sizes_hw=np.array([(image['height'], image['width'])
                           for image in images], np.int32).reshape(-1, 2),
        pairs=np.unique(rows, axis=0),
        image_rows=rows[:, 0],
        category_rows=rows[:, 1],
        annotation_ids=np.array([item['id'] for item in annotations],
                                np.int64))


def _mask_arrays(coco: dict[str, list[dict]],
                 ann_file: Path) -> dict[str, np.ndarray]:
    from pycocotools import mask as coco_mask
    sizes_hw = {image['id']: (image['height'], image['width'])
                for image in coco['images']}
    num = len(coco['annotations'])
    kinds, masks = np.zeros(num, np.uint8), [b''] * num
    areas, boxes_xywh = np.zeros(num, np.int32), np.zeros((num, 4), np.int32)
    solidities = np.zeros(num, np.float32)
    annotations = with_progress(
        coco['annotations'], f'reading the objects of {ann_file}')
    for row, item in enumerate(annotations):
        kinds[row] = _kind(item)
        if kinds[row] != OBJECT:
            continue
        try:
            rle = to_run_lengths(item['segmentation'],
                                 sizes_hw[item['image_id']], item['id'],
                                 ann_file)
        except ValueError:  # matters if anyone asks for the instance
            kinds[row] = DAMAGED
            continue
        masks[row] = _deflate(rle['counts'])
        areas[row] = coco_mask.area(rle)
        boxes_xywh[row] = coco_mask.toBbox(rle)
        solidities[row] = _solidity(item, rle, areas[row])
    mask_ends = np.cumsum([0] + [len(mask) for mask in masks], dtype=np.int64)
    return dict(
        kinds=kinds, areas=areas, boxes_xywh=boxes_xywh,
        solidities=solidities, mask_ends=mask_ends,
        masks=np.frombuffer(b''.join(masks), np.uint8))


def _deflate(run_lengths: bytes) -> bytes:
    """Compress; two fifths of a mask of COCO are saved."""
    packer = zlib.compressobj(
        zlib.Z_BEST_COMPRESSION, wbits=_RAW_DEFLATE, memLevel=9)
    return packer.compress(run_lengths) + packer.flush()


def _narrow(array: np.ndarray) -> np.ndarray:
    """Return integers in the smallest type that holds them all."""
    if array.dtype.kind != 'i' or array.size == 0 or array.min() < 0:
        return array
    return array.astype(np.min_scalar_type(array.max()))


def _kind(annotation: dict) -> int:
    if annotation.get('iscrowd', 0):
        return CROWD
    return OBJECT if annotation.get('segmentation') else WITHOUT_MASK


def _solidity(annotation: dict, rle: dict, area: int) -> float:
    """Return area / area of the convex hull, at most 1; 0 of no pixel.

    The hull is that of the polygons' corners, or of the corners of the
    pixels where there are run lengths only.
    """
    if area == 0:
        return 0.0
    if isinstance(annotation['segmentation'], list):
        points = [np.reshape(part, (-1, 2))
                  for part in annotation['segmentation'] if len(part) >= 6]
        points = np.concatenate(points)
    else:
        points = _outer_corners(rle)
    hull = cv2.convexHull(points.astype(np.float32))
    return float(min(1, area / max(cv2.contourArea(hull), 1)))


def _outer_corners(rle: dict) -> np.ndarray:
    """Return (n, 2) x, y corners of rectangles that are the mask.

    A run goes down its column, and on in the next; it is at most three
    rectangles. The mask itself, which may be large, is never decoded.
    """
    height = rle['size'][0]
    ends = np.cumsum(read_runs(rle['counts'].decode()))
    ends = ends[:len(ends) // 2 * 2].reshape(-1, 2)
    ends = ends[ends[:, 0] < ends[:, 1]]  # (runs of the object, 2)
    first, top = np.divmod(ends[:, 0], height)
    last, bottom = np.divmod(ends[:, 1] - 1, height)
    goes_on = last > first
    parts = [
        (first, top, first + 1, np.where(goes_on, height, bottom + 1)),
        (first + 1, 0 * top, last, 0 * top + height),
        (last, np.where(goes_on, 0, top), last + 1, bottom + 1)
    ]
    left, upper, right, lower = np.concatenate(
        [np.stack(part) for part in parts], axis=1)
    is_there = right > left
    return np.concatenate([
        np.stack((x, y), axis=1)[is_there]
        for x in (left, right) for y in (upper, lower)
    ])
