"""Find and open the sources that command lines and configs name."""
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmseg.registry import DATASETS

from .coco import CocoOutliers
from .folder import FolderOutliers
from .packed import PackedOutliers
from .source import OutlierSource

# Arguments of CocoOutliers that keep every object of a json.
NO_FILTERS = dict(
    deny_categories=(), deny_image_categories=(), min_area=0)


def open_sources(paths: list[str], **coco_options: Any) -> list[OutlierSource]:
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
