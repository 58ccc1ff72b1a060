"""Read a COCO or LVIS json and turn its segmentations into run lengths."""
import posixpath
from itertools import chain
from pathlib import Path

from mmseg_anomaly.text_files import check_keys, fits, parse_json

from .image_files import read_file

_REQUIRED_KEYS = {
    'images': dict(id=int, height=int, width=int),
    'categories': dict(id=int, name=str),
    'annotations': dict(id=int, image_id=int, category_id=int),
}
_OPTIONAL_KEYS = dict(file_name=str, coco_url=str, iscrowd=int | bool)
# Keys of annotations that no file of instances has, and what has them.
_OTHER_FILES = dict(
    segments_info='a panoptic json, whose masks are in PNG files',
    caption='a captions json')
_REPAIR = 'repair the file'
_MAX_SIDE, _MAX_PIXELS = 2**20, 2**30  # of what OpenCV reads
_MAX_SHIFT = 30  # bits before the last digit of a run length
_MAX_SIDES = 10  # how far outside of its image a polygon may go
_MAX_OUTLINE = 2**22  # pycocotools takes 80 bytes for each pixel of it
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
        ValueError: If the file is no json or holds something else, lacks a
            key, has another type there or holds no segmentation, an image
            has no pixel or more than can be read, an id or an image occurs
            twice, or an annotation refers to an image or a category the
            file does not list.
    """
    coco = parse_json(content, ann_file, dict | list,
                      remedy='copy or download it again')
    _refuse_other_files(coco, ann_file)
    for part, keys in _REQUIRED_KEYS.items():
        _check_items(coco.setdefault(part, []), part, keys, ann_file)
    for row, image in enumerate(coco['images']):
        _check_size(image, f'images[{row}] of {ann_file} (id {image["id"]})')
        image['file_name'] = _file_name(image, row, ann_file)
    _check_unique(coco, ann_file)
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
            f'of at least three points, got {str(segmentation):.80}; '
            f'{_REPAIR}')
    limit = _MAX_SIDES * max(image_hw)
    for value in chain.from_iterable(polygons):
        if not -limit <= value <= limit:  # nor is nan
            raise ValueError(
                f'the segmentation of {where} has the coordinate {value} in '
                f'an image of {image_hw} (height, width); {_REPAIR}')
    # the first sum is an upper bound that costs little
    if (sum(map(len, polygons)) * limit > _MAX_OUTLINE
            and sum(map(_outline_px, polygons)) > _MAX_OUTLINE):
        raise ValueError(
            f'the segmentation of {where} has an outline of more than '
            f'{_MAX_OUTLINE} pixels in an image of {image_hw} (height, '
            f'width); {_REPAIR}')
    return polygons


def _outline_px(polygon: list[float]) -> float:
    x, y = polygon[::2], polygon[1::2]
    return sum(max(abs(x[row] - x[row - 1]), abs(y[row] - y[row - 1]))
               for row in range(len(x)))


def _refuse_other_files(coco: dict | list, ann_file: Path) -> None:
    if isinstance(coco, list):  # as detectors write their results
        other = 'a list'
    else:
        items = coco.get('annotations')
        keys = items[0] if fits(items, list[dict]) and items else {}
        other = next((title for key, title in _OTHER_FILES.items()
                      if key in keys and 'segmentation' not in keys), None)
    if other:
        raise ValueError(
            f'{ann_file} must hold a COCO dict, got {other}; '
            'give a file such as instances_train2017.json')


def _check_items(items: list[dict], part: str, keys: dict[str, type],
                 ann_file: Path) -> None:
    if not isinstance(items, list) or not all(
            isinstance(item, dict) for item in items):
        raise ValueError(f'`{part}` of {ann_file} must be a list of dicts, '
                         f'got {str(items):.80}; {_REPAIR}')
    for row, item in enumerate(items):
        check_keys(item, f'{part}[{row}] of {ann_file} (id {item.get("id")})',
                   keys, optional=_OPTIONAL_KEYS, remedy=_REPAIR)


def _check_size(image: dict, where: str) -> None:
    height, width = image['height'], image['width']
    if min(height, width) < 1:
        raise ValueError(f'{where} has no pixel: {height} x {width}; '
                         f'{_REPAIR}')
    if max(height, width) > _MAX_SIDE or height * width > _MAX_PIXELS:
        raise ValueError(f'{where} is larger than any image that OpenCV '
                         f'reads: {height} x {width}; {_REPAIR}')


def _check_unique(coco: dict[str, list[dict]], ann_file: Path) -> None:
    """Refuse an id, or a file name, that two entries of a part share."""
    for part, key, title in (('images', 'id', 'file_name'),
                             ('images', 'file_name', 'id'),
                             ('categories', 'id', 'name'),
                             ('annotations', 'id', 'image_id')):
        first = {}
        for item in coco[part]:
            value = item[key]
            if key == 'file_name':
                value = posixpath.normpath(value)
            other = first.setdefault(value, item)
            if other is not item:
                raise ValueError(
                    f'{part} of {ann_file} have the {key} {value!r} twice, '
                    f'with the {title} {other[title]!r} and {item[title]!r}; '
                    f'{_REPAIR}')


def _file_name(image: dict, row: int, ann_file: Path) -> str:
    if 'file_name' in image:
        return image['file_name']
    if 'coco_url' not in image:
        raise ValueError(
            f"images[{row}] of {ann_file} (id {image['id']}) has neither "
            f"'file_name' nor, as LVIS has it, 'coco_url'; {_REPAIR}")
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
                f'list under `images`; {_REPAIR}')
        if annotation['category_id'] not in category_ids:
            raise ValueError(
                f'annotation {annotation["id"]} of {ann_file} has the '
                f'category_id {annotation["category_id"]}, which the file '
                f'does not list under `categories`; {_REPAIR}')


def _check_run_lengths(segmentation: dict, image_hw: tuple[int, int],
                       where: str) -> None:
    # pycocotools itself never looks at the size of the image.
    counts, size_hw = segmentation.get('counts'), segmentation.get('size')
    if counts is None or size_hw != list(image_hw):
        raise ValueError(
            f'the run lengths of {where} must have `counts` and the `size` '
            f'{list(image_hw)} (height, width) of their image, got the size '
            f'{size_hw}; {_REPAIR}')
    num_pixels = image_hw[0] * image_hw[1]
    runs = read_runs(counts)
    if runs is None or min(runs, default=0) < 0 or sum(runs) != num_pixels:
        raise ValueError(
            f'the run lengths of {where} must add up to the {num_pixels} '
            'pixels of their image, got '
            f'{"no run lengths" if runs is None else sum(runs)}: '
            f'{str(counts):.80}; {_REPAIR}')


def read_runs(counts: object) -> list[int] | None:
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
