"""Read a COCO json once and keep, in arrays, what pasting needs.

Shape letters: I images, N instances, M bytes of run lengths.
"""
import json
from collections import Counter
from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

ROAD_CATEGORIES = ('person', 'bicycle', 'car', 'motorcycle', 'bus', 'train',
                   'truck', 'traffic light', 'stop sign')
_REQUIRED_KEYS = {
    'images': ('id', 'file_name', 'height', 'width'),
    'categories': ('id', 'name'),
    'annotations': ('id', 'image_id', 'category_id'),
}


class CocoIndex(NamedTuple):
    """The instances of a COCO file that passed its filters.

    Plain arrays: a python dict for each instance of COCO would be copied
    into every worker as its reference counts change.
    """

    file_names: np.ndarray  # (I,) str
    image_ids: np.ndarray  # (I,) int64
    sizes_hw: np.ndarray  # (I, 2) int32
    categories: tuple[str, ...]
    image_rows: np.ndarray  # (N,) int32 into the arrays of images
    category_rows: np.ndarray  # (N,) int16 into categories
    annotation_ids: np.ndarray  # (N,) int64
    run_lengths: np.ndarray  # (M,) uint8, COCO's compressed masks in a row
    run_ends: np.ndarray  # (N + 1,) int64, mask i is [ends[i], ends[i + 1])

    def decode_mask(self, row: int) -> tuple[np.ndarray, tuple[slice, slice]]:
        """Return an instance's mask, cropped, and where it was.

        Args:
            row: Number of the instance.

        Returns:
            (h, w) uint8 of 0 and 1, and the rows and columns of its image
            that it covers.
        """
        counts = self.run_lengths[self.run_ends[row]:self.run_ends[row + 1]]
        size_hw = self.sizes_hw[self.image_rows[row]].tolist()
        rle = dict(size=size_hw, counts=counts.tobytes())
        left, top, width, height = coco_mask.toBbox(rle).astype(int).tolist()
        box = slice(top, top + height), slice(left, left + width)
        return coco_mask.decode(rle)[box], box


def read_coco_index(
        ann_file: Path,
        deny_categories: Sequence[str],
        deny_image_categories: Sequence[str],
        min_area: int) -> tuple[CocoIndex, dict[str, int]]:
    """Read a COCO json and leave out what must not be pasted.

    Args:
        ann_file: Instance annotations, polygons or run lengths.
        deny_categories: Instances of these are left out.
        deny_image_categories: Images with any instance of these, crowds
            included, are left out as a whole.
        min_area: Pixels an instance must have at least.

    Returns:
        The index, and how many instances each filter removed; an instance
        counts for the first filter that catches it.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no json, lacks a key or holds no
            segmentation, a denied category is unknown, a segmentation is
            malformed or does not fit its image, or an annotation refers to
            an image or a category the file does not list.
    """
    coco = _load_coco(ann_file)
    _check_annotations(coco, ann_file)
    denied_ids = _category_ids(coco, deny_categories, ann_file)
    denied_images = _images_with(
        coco, _category_ids(coco, deny_image_categories, ann_file))
    kept, masks, removed = [], [], Counter()
    for annotation in coco.dataset['annotations']:
        reason = _reason_to_drop(annotation, denied_ids, denied_images)
        if reason is None:
            rle = _to_rle(coco, annotation, ann_file)
            if coco_mask.area(rle) < max(min_area, 1):
                reason = 'smaller than `min_area`'
        if reason is None:
            kept.append(annotation)
            masks.append(_as_bytes(rle['counts']))
        else:
            removed[reason] += 1
    return _pack(coco, kept, masks), dict(removed)


def _load_coco(ann_file: Path) -> COCO:
    if not ann_file.is_file():
        raise FileNotFoundError(
            f'`ann_file` must be a COCO json, but there is no {ann_file}; '
            'check `data_root` and `ann_file`')
    try:
        content = json.loads(ann_file.read_bytes())
    except ValueError as error:  # no json, or no text at all
        raise ValueError(f'{ann_file} cannot be read as json: {error}; copy '
                         'or download it again') from error
    if not isinstance(content, dict):
        raise ValueError(f'{ann_file} must hold a COCO dict, got a '
                         f'{type(content).__name__}')
    for part, keys in _REQUIRED_KEYS.items():
        _check_keys(content.get(part, []), part, keys, ann_file)
    coco = COCO()
    coco.dataset = content
    with redirect_stdout(StringIO()):  # pycocotools reports by print
        coco.createIndex()
    return coco


def _check_keys(items: list[dict], part: str, keys: tuple[str, ...],
                ann_file: Path) -> None:
    for row, item in enumerate(items):
        missing = [key for key in keys if key not in item]
        if missing:
            raise ValueError(
                f'{part}[{row}] of {ann_file} (id {item.get("id")}) has no '
                f'{missing}; repair the file')


def _check_annotations(coco: COCO, ann_file: Path) -> None:
    annotations = coco.dataset.get('annotations', [])
    if not any(annotation.get('segmentation') for annotation in annotations):
        raise ValueError(
            f'{ann_file} holds no segmentation in its {len(annotations)} '
            'annotations; expected a COCO instances file, such as '
            'instances_train2017.json')
    for annotation in annotations:
        if annotation['image_id'] not in coco.imgs:
            raise ValueError(
                f'annotation {annotation["id"]} of {ann_file} belongs to '
                f'image {annotation["image_id"]}, which the file does not '
                'list under `images`; repair the file')
        if annotation['category_id'] not in coco.cats:
            raise ValueError(
                f'annotation {annotation["id"]} of {ann_file} has the '
                f'category_id {annotation["category_id"]}, which the file '
                'does not list under `categories`; repair the file')


def _category_ids(coco: COCO, names: Sequence[str],
                  ann_file: Path) -> set[int]:
    ids = {category['name']: key for key, category in coco.cats.items()}
    unknown = set(names) - set(ids) - set(ROAD_CATEGORIES)
    if unknown:
        raise ValueError(
            f'denied categories must occur in {ann_file}, which does not '
            f'know {sorted(unknown)}; it knows {sorted(ids)}')
    return {ids[name] for name in names if name in ids}


def _images_with(coco: COCO, category_ids: set[int]) -> set[int]:
    return {
        annotation['image_id']
        for annotation in coco.dataset['annotations']
        if annotation['category_id'] in category_ids
    }


def _reason_to_drop(annotation: dict, denied_ids: set[int],
                    denied_images: set[int]) -> str | None:
    if annotation.get('iscrowd', 0):
        return 'crowd'
    if annotation['category_id'] in denied_ids:
        return 'of a denied category'
    if annotation['image_id'] in denied_images:
        return 'beside a denied category'
    if not annotation.get('segmentation'):
        return 'without segmentation'
    return None


def _to_rle(coco: COCO, annotation: dict, ann_file: Path) -> dict:
    if isinstance(annotation['segmentation'], dict):
        _check_run_lengths(coco, annotation, ann_file)
        return coco.annToRLE(annotation)
    polygons = _polygons_with_area(annotation, ann_file)
    return coco.annToRLE({**annotation, 'segmentation': polygons})


def _polygons_with_area(annotation: dict,
                        ann_file: Path) -> list[list[float]]:
    segmentation = annotation['segmentation']
    is_valid = isinstance(segmentation, list) and all(
        isinstance(polygon, list) and len(polygon) % 2 == 0
        and set(map(type, polygon)) <= {int, float}
        for polygon in segmentation)
    # a stray point or line beside a polygon covers nothing
    polygons = is_valid and [part for part in segmentation if len(part) >= 6]
    if not polygons:
        raise ValueError(
            f'the segmentation of annotation {annotation["id"]} of '
            f'{ann_file} must be polygons [x, y, x, y, ...] of at least '
            f'three points, got {str(segmentation):.80}; repair the file')
    return polygons


def _check_run_lengths(coco: COCO, annotation: dict, ann_file: Path) -> None:
    # pycocotools itself never looks at the size of the image.
    image = coco.imgs[annotation['image_id']]
    image_hw = [image['height'], image['width']]
    counts = annotation['segmentation'].get('counts')
    size_hw = annotation['segmentation'].get('size')
    if counts is None or size_hw is None or list(size_hw) != image_hw:
        raise ValueError(
            f'the run lengths of annotation {annotation["id"]} of {ann_file} '
            f'must have `counts` and the `size` {image_hw} (height, width) '
            f'of their image, got the size {size_hw}; repair the file')
    if isinstance(counts, list) and sum(counts) != image_hw[0] * image_hw[1]:
        raise ValueError(
            f'the run lengths of annotation {annotation["id"]} of {ann_file} '
            f'must add up to the {image_hw[0] * image_hw[1]} pixels of '
            f'their image, got {sum(counts)}; repair the file')


def _as_bytes(counts: bytes | str) -> bytes:
    # a json can only hold compressed run lengths as text
    return counts.encode() if isinstance(counts, str) else counts


def _pack(coco: COCO, annotations: list[dict],
          masks: list[bytes]) -> CocoIndex:
    image_ids = sorted({item['image_id'] for item in annotations})
    image_rows = {key: row for row, key in enumerate(image_ids)}
    category_rows = {key: row for row, key in enumerate(coco.cats)}
    images = [coco.imgs[key] for key in image_ids]
    return CocoIndex(
        file_names=np.array([image['file_name'] for image in images], str),
        image_ids=np.array(image_ids, np.int64),
        sizes_hw=np.array([(image['height'], image['width'])
                           for image in images], np.int32).reshape(-1, 2),
        categories=tuple(item['name'] for item in coco.cats.values()),
        image_rows=np.array([image_rows[item['image_id']]
                             for item in annotations], np.int32),
        category_rows=np.array([category_rows[item['category_id']]
                                for item in annotations], np.int16),
        annotation_ids=np.array([item['id'] for item in annotations],
                                np.int64),
        run_lengths=np.frombuffer(b''.join(masks), np.uint8),
        run_ends=np.cumsum([0] + [len(mask) for mask in masks],
                           dtype=np.int64))
