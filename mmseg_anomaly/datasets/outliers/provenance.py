"""Which objects two sources have in common.

An object is known by its picture, ``image:NAME`` (COCO's file names are
unique over its splits), by the family of formulas that drew it,
``drawn:SPLIT``, and by its pixels, ``content:HASH``.
"""
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmseg.registry import DATASETS

from .coco import CocoOutliers
from .folder import FolderOutliers
from .mixed import origin_of
from .packed import PackedOutliers
from .subset import subset_of


def open_sources(paths: list[str], **coco_options: Any) -> list[object]:
    """Open what a command line names.

    Args:
        paths: A COCO json and the folder of its images; or one path: a file
            ``*.pack``, a folder of RGBA cut-outs, or a config with a
            ``source`` or with ``OutlierPaste`` in it.
        coco_options: Further arguments of ``CocoOutliers``.

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


def without_objects_of(source: object, others: list[object]) -> object:
    """Leave out what other sources contain.

    Pictures and formulas are compared by name; pixels where a source knows
    their hashes or objects have no such name. An object whose picture occurs
    in another source is left out even if the object itself does not.

    Args:
        source: To choose from.
        others: What must not occur.

    Returns:
        ``source`` itself if nothing is left out.

    Raises:
        ValueError: If nothing is left.
    """
    has_names = all(_names(source, number) for number in range(len(source)))
    taken = set().union(*(
        _keys(other, number, with_content=not has_names)
        for other in others for number in range(len(other))))
    with_content = any(key.startswith('content:') for key in taken)
    numbers = [number for number in range(len(source))
               if not taken & _keys(source, number, with_content)]
    if not numbers:
        raise ValueError(f'the {len(others)} sources to exclude contain all '
                         f'{len(source)} objects of {source}')
    return subset_of(source, numbers)


def _keys(source: object, number: int, with_content: bool) -> set[str]:
    keys = _names(source, number)
    if hasattr(source, 'content_hash'):
        keys.add(f'content:{source.content_hash(number)}')
    elif with_content or not keys:
        keys.add(f'content:{source[number].content_hash()}')
    return keys


def _names(source: object, number: int) -> set[str]:
    origin = origin_of(source, number)
    if 'image_id' in origin:
        return {f'image:{Path(origin["image"]).name}'}
    if 'split' in origin:
        return {f'drawn:{origin["split"]}'}
    return set()
