"""Which objects two sources have in common.

An object is known by its picture, ``image:NAME`` (COCO's file names are
unique over its splits), by the family of formulas that drew it,
``drawn:SPLIT``, and by its pixels, ``content:HASH``.
"""
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log
from mmseg.registry import DATASETS

from .coco import CocoOutliers
from .folder import FolderOutliers
from .image_files import BrokenImageError
from .mixed import origin_of
from .packed import PackedOutliers
from .subset import subset_of

# for open_sources: everything of a COCO json
NO_FILTERS = dict(
    deny_categories=(), deny_image_categories=(), min_area=0)
_NUM_SHOWN = 3


def open_sources(paths: list[str], **coco_options: Any) -> list[object]:
    """Open what a command line names.

    Args:
        paths: A COCO json and the folder of its images; or one path: a file
            ``*.pack``, a folder of RGBA cut-outs, or a config with a
            ``source`` or with ``OutlierPaste`` in it.
        coco_options: Further arguments of ``CocoOutliers``, for a json.

    Returns:
        One source, or all of a config's ``OutlierPaste``.

    Raises:
        ValueError: If the paths are none of these.
    """
    if len(paths) == 2:
        return [CocoOutliers(paths[0], data_prefix=dict(img_path=paths[1]),
                             **coco_options)]
    path = Path(paths[0])
    if len(paths) == 1 and path.suffix == '.pack':
        return [PackedOutliers(str(path))]
    if len(paths) == 1 and path.is_dir():
        return [FolderOutliers(str(path))]
    if len(paths) == 1 and path.suffix == '.py':
        cfg = Config.fromfile(path)
        found = [cfg.source] if 'source' in cfg else [
            paste['source'] for paste in find_pastes(cfg.to_dict())]
        unique = [source for row, source in enumerate(found)
                  if source not in found[:row]]
        if unique:
            return [DATASETS.build(source) for source in unique]
    raise ValueError(
        'objects must be JSON IMAGES, a *.pack file, a folder of RGBA images '
        f'or a config with a `source` or an OutlierPaste, got {paths}')


def find_pastes(cfg: object) -> list[dict]:
    """Return the configs of all ``OutlierPaste`` inside of a config."""
    if isinstance(cfg, dict):
        if cfg.get('type') == 'OutlierPaste':
            return [cfg]
        cfg = list(cfg.values())
    if isinstance(cfg, (list, tuple)):
        return [paste for part in cfg for paste in find_pastes(part)]
    return []


def find_datasets(cfg: dict) -> Iterator[dict]:
    """Yield a dataset's config, then those that it wraps, at any depth."""
    yield cfg
    wrapped = [cfg['dataset']] if 'dataset' in cfg else cfg.get('datasets', ())
    for inner in wrapped:
        yield from find_datasets(inner)


def without_objects_of(source: object, others: list[object], *,
                       compare_pixels: bool = False) -> object:
    """Leave out what other sources contain, with a warning that names it.

    Pictures and formulas are compared by name; pixels where a source knows
    their hashes or objects have no such name. An object whose picture occurs
    in another source is left out even if the object itself does not; so is,
    where pixels are compared, an object that cannot be read.

    Args:
        source: To choose from.
        others: What must not occur.
        compare_pixels: Compare the pixels of every object as well, which
            reads all images. Otherwise a picture that has two names is not
            recognised. A copy that is scaled, compressed again or cut out
            differently never is.

    Returns:
        ``source`` itself if nothing is left out.

    Raises:
        ValueError: If nothing is left.
    """
    if not others:
        return source
    with_content = compare_pixels or not all(
        _names(source, number) for number in range(len(source)))
    owners = {
        key: (number, other) for other in others
        for number, (keys, _) in enumerate(_all_keys(other, with_content))
        for key in keys
    }
    numbers, clashes = _compare(source, owners)
    message = (f'{len(numbers)} of the {len(source)} objects of {source} are '
               f'left, {_reason(clashes)}')
    if not numbers:
        raise ValueError(message)
    if len(numbers) < len(source):
        print_log(message, logger='current', level=logging.WARNING)
    return subset_of(source, numbers)


def _compare(source: object, owners: dict[str, tuple[int, object]]
             ) -> tuple[list[int], dict[str, tuple[int, object]]]:
    """Return the objects to keep, and the part of ``owners`` they met."""
    with_content = any(key.startswith('content:') for key in owners)
    numbers, clashes = [], {}
    for number, (keys, is_sound) in enumerate(_all_keys(source, with_content)):
        common = keys & owners.keys()
        clashes |= {key: owners[key] for key in common}
        if is_sound and not common:
            numbers.append(number)
    return numbers, clashes


def _reason(clashes: dict[str, tuple[int, object]]) -> str:
    """Return why objects are not left."""
    if not clashes:
        return 'since the others cannot be read; replace their files'
    shown = ', '.join(
        f'{key} as object {clashes[key][0]} of {clashes[key][1]}'
        for key in sorted(clashes)[:_NUM_SHOWN])
    num_more = max(len(clashes) - _NUM_SHOWN, 0)
    return (f'since the sources to exclude contain {shown}'
            + f' and {num_more} more' * (num_more > 0)
            + '; where different pictures have one name, rename one of them')


def _all_keys(source: object,
              with_content: bool) -> Iterator[tuple[set[str], bool]]:
    """Yield for each object what it is known by, and if it can be read."""
    warned = set()
    for number in range(len(source)):
        keys, is_sound = _names(source, number), True
        if hasattr(source, 'content_hash'):
            keys.add(f'content:{source.content_hash(number)}')
        elif with_content or not keys:
            try:
                keys.add(f'content:{source[number].content_hash()}')
            except BrokenImageError as error:
                is_sound = False
                if str(error) not in warned:
                    warned.add(str(error))
                    print_log(
                        f'neither used nor compared: {error}',
                        logger='current', level=logging.WARNING)
        yield keys, is_sound


def _names(source: object, number: int) -> set[str]:
    origin = origin_of(source, number)
    if 'image_id' in origin:
        return {f'image:{Path(origin["image"]).name}'}
    if 'split' in origin:
        return {f'drawn:{origin["split"]}'}
    return set()
