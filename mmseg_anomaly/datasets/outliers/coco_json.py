"""Read a COCO or LVIS json and turn its segmentations into run lengths."""
import json
from itertools import chain
from pathlib import Path

from .image_files import read_file

_REQUIRED_KEYS = {
    'images': dict(id=int, height=int, width=int),
    'categories': dict(id=int, name=str),
    'annotations': dict(id=int, image_id=int, category_id=int),
}
_MAX_SHIFT = 30  # bits before the last digit of a run length
_MAX_SIDES = 10  # how far outside of its image a polygon may go
Segmentation = list[list[float]] | dict


def read_coco_json(content: bytes, ann_file: Path) -> dict[str, list[dict]]:
    """Parse and check a json of instances.

    Args:
        content: Bytes of the json.
        ann_file: Name of the file, for messages.

    Returns:
        ``images``, each with a ``file_name``, ``categories`` and
        ``annotations``.

    Raises:
        ValueError: If the file is no json, lacks a key, has another type
            there or holds no segmentation, an image has no pixel, or an
            annotation refers to an image or a category the file does not
            list.
    """
    try:
        coco = json.loads(content)
    except ValueError as error:  # no json, or no text at all
        raise ValueError(f'{ann_file} cannot be read as json: {error}; copy '
                         'or download it again') from error
    if not isinstance(coco, dict):
        raise ValueError(f'{ann_file} must hold a COCO dict, got a '
                         f'{type(coco).__name__}')
    for part, keys in _REQUIRED_KEYS.items():
        _check_keys(coco.setdefault(part, []), part, keys, ann_file)
    for row, image in enumerate(coco['images']):
        if min(image['height'], image['width']) < 1:
            raise ValueError(
                f'images[{row}] of {ann_file} (id {image["id"]}) has no '
                f'pixel: {image["height"]} x {image["width"]}; repair the '
                'file')
        image['file_name'] = _file_name(image, row, ann_file)
    _check_annotations(coco, ann_file)
    return coco


def read_annotations(ann_file: Path) -> bytes:
    """Return the content of a json, which may lie in a zip file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the zip file is broken.
    """
    try:
        return read_file(ann_file)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise FileNotFoundError(
            f'`ann_file` must be a COCO json, but there is no {ann_file}; '
            'check `data_root` and `ann_file`') from error


def to_run_lengths(segmentation: Segmentation, image_hw: tuple[int, int],
                   annotation_id: int, ann_file: Path) -> dict:
    """Return a segmentation as COCO's compressed run lengths.

    Args:
        segmentation: Polygons or run lengths.
        image_hw: Size (H, W) of its image.
        annotation_id: For messages.
        ann_file: For messages.

    Returns:
        ``size`` and ``counts``, bytes.

    Raises:
        ValueError: If it is malformed or does not fit its image.
    """
    from pycocotools import mask as coco_mask  # not for packed sources
    where = f'annotation {annotation_id} of {ann_file}'
    if not isinstance(segmentation, dict):
        polygons = polygons_with_area(segmentation, image_hw, where)
        return coco_mask.merge(coco_mask.frPyObjects(polygons, *image_hw))
    _check_run_lengths(segmentation, image_hw, where)
    counts = segmentation['counts']
    if isinstance(counts, list):
        return coco_mask.frPyObjects(segmentation, *image_hw)
    return dict(size=list(image_hw), counts=counts.encode())


def polygons_with_area(segmentation: object, image_hw: tuple[int, int],
                       where: str) -> list[list[float]]:
    """Return the polygons [x, y, x, y, ...] of at least three points.

    A stray point or line next to a polygon covers nothing and is left out.

    Raises:
        ValueError: If anything is no polygon, none has an area, or one goes
            far beyond its image, where pycocotools would walk pixel by
            pixel.
    """
    is_valid = isinstance(segmentation, list) and all(
        isinstance(polygon, list) and len(polygon) % 2 == 0
        and set(map(type, polygon)) <= {int, float}
        for polygon in segmentation)
    polygons = is_valid and [part for part in segmentation if len(part) >= 6]
    if not polygons:
        raise ValueError(
            f'the segmentation of {where} must be polygons [x, y, x, y, ...] '
            f'of at least three points, got {str(segmentation):.80}; repair '
            'the file')
    limit = _MAX_SIDES * max(image_hw)
    for value in chain.from_iterable(polygons):
        if not -limit <= value <= limit:  # nor is nan
            raise ValueError(
                f'the segmentation of {where} has the coordinate {value} in '
                f'an image of {image_hw} (height, width); repair the file')
    return polygons


def _check_keys(items: list[dict], part: str, keys: dict[str, type],
                ann_file: Path) -> None:
    if not isinstance(items, list) or not all(
            isinstance(item, dict) for item in items):
        raise ValueError(f'`{part}` of {ann_file} must be a list of dicts, '
                         f'got {str(items):.80}; repair the file')
    for row, item in enumerate(items):
        missing = [key for key in keys if key not in item]
        if missing:
            raise ValueError(
                f'{part}[{row}] of {ann_file} (id {item.get("id")}) has no '
                f'{missing}; repair the file')
        for key, kind in keys.items():
            if type(item[key]) is not kind:
                raise ValueError(
                    f'{part}[{row}] of {ann_file} (id {item["id"]}) must '
                    f'have `{key}` as {kind.__name__}, got {item[key]!r}; '
                    'repair the file')


def _file_name(image: dict, row: int, ann_file: Path) -> str:
    if 'file_name' in image:
        return image['file_name']
    if 'coco_url' not in image:
        raise ValueError(
            f"images[{row}] of {ann_file} (id {image['id']}) has neither "
            "'file_name' nor, as LVIS has it, 'coco_url'; repair the file")
    # LVIS takes images of two folders: .../train2017/000000391895.jpg
    return '/'.join(image['coco_url'].split('/')[-2:])


def _check_annotations(coco: dict[str, list[dict]], ann_file: Path) -> None:
    annotations = coco['annotations']
    if not any(annotation.get('segmentation') for annotation in annotations):
        raise ValueError(
            f'{ann_file} holds no segmentation in its {len(annotations)} '
            'annotations; expected a COCO instances file, such as '
            'instances_train2017.json')
    image_ids = {image['id'] for image in coco['images']}
    category_ids = {category['id'] for category in coco['categories']}
    for annotation in annotations:
        if annotation['image_id'] not in image_ids:
            raise ValueError(
                f'annotation {annotation["id"]} of {ann_file} belongs to '
                f'image {annotation["image_id"]}, which the file does not '
                'list under `images`; repair the file')
        if annotation['category_id'] not in category_ids:
            raise ValueError(
                f'annotation {annotation["id"]} of {ann_file} has the '
                f'category_id {annotation["category_id"]}, which the file '
                'does not list under `categories`; repair the file')


def _check_run_lengths(segmentation: dict, image_hw: tuple[int, int],
                       where: str) -> None:
    # pycocotools itself never looks at the size of the image.
    counts, size_hw = segmentation.get('counts'), segmentation.get('size')
    if counts is None or size_hw is None or tuple(size_hw) != image_hw:
        raise ValueError(
            f'the run lengths of {where} must have `counts` and the `size` '
            f'{list(image_hw)} (height, width) of their image, got the size '
            f'{size_hw}; repair the file')
    num_pixels = image_hw[0] * image_hw[1]
    runs = _read_runs(counts)
    if runs is None or min(runs, default=0) < 0 or sum(runs) != num_pixels:
        raise ValueError(
            f'the run lengths of {where} must add up to the {num_pixels} '
            'pixels of their image, got '
            f'{"no run lengths" if runs is None else sum(runs)}: '
            f'{str(counts):.80}; repair the file')


def _read_runs(counts: object) -> list[int] | None:
    """Return run lengths of either kind; None if they are malformed.

    Compressed ones are text: digits of 5 bits, the lowest first, of which
    bit 6 says that another follows, signed, and from the fourth number on
    the difference to the last but one. pycocotools checks nothing of it.

    Source: ``rleFrString`` of pycocotools.
    """
    if isinstance(counts, list):
        return counts if set(map(type, counts)) <= {int} else None
    if not isinstance(counts, str):
        return None
    runs, value, shift = [], 0, 0
    for digit in counts.encode():
        digit -= 48
        if not 0 <= digit < 64 or shift > _MAX_SHIFT:
            return None
        value |= (digit & 31) << shift
        shift += 5
        if not digit & 32:
            value -= (digit & 16) << shift - 4
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    return None if shift else runs
