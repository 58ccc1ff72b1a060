"""Test each image at other resolutions, and in several versions at once."""
from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from typing import Any

from mmengine.config import Config

from ..checks import number_option

RESIZE = 'ResizeToWindow'
Step = dict[str, Any]


def add_version_arguments(parser: ArgumentParser) -> None:
    """Add --tta and --scales."""
    parser.add_argument(
        '--tta', action='store_true', help='test time augmentation')
    parser.add_argument(
        '--scales', nargs='+', type=number_option(above=0), default=[1.],
        metavar='FACTOR', help='sizes of the image relative to the one that '
        'just covers the window; the evidence of several is averaged')


def choose_versions(cfg: Config, tta: bool, scales: Sequence[float]) -> None:
    """Let the test set show each image as --tta and --scales say.

    Args:
        cfg: Its test pipeline changes; where there are several versions, the
            model becomes one that merges their evidence before scoring.
        tta: Whether to take the versions of ``tta_pipeline``.
        scales: Factors of ``window_size`` of ``ResizeToWindow``; every
            version comes at each of them.

    Raises:
        ValueError: If the config does not say how.
    """
    dataset = cfg.test_dataloader.dataset
    if tta:
        for key in ('tta_pipeline', 'tta_model'):
            if cfg.get(key) is None:
                raise ValueError(f'--tta needs `{key}` in the config.')
        dataset.pipeline = cfg.tta_pipeline
    if list(scales) != [1]:
        dataset.pipeline = _at_scales(dataset.pipeline, scales)
    if tta or len(scales) > 1:
        merging = cfg.get('tta_model') or dict(type='AnomalyTTAModel')
        cfg.model = dict(merging, module=cfg.model)


def _at_scales(pipeline: Sequence[Step],
               scales: Sequence[float]) -> list[Step]:
    """Return a pipeline that shows each version at each scale."""
    steps = [dict(step) for step in pipeline]
    for index, step in enumerate(steps):
        groups = step.get('transforms', [])
        if step['type'] == 'TestTimeAug' and any(map(_resizes, groups)):
            step['transforms'] = [
                _scaled(group, scales) if _resizes(group) else group
                for group in groups]
            return steps
        if step['type'] == RESIZE:
            versions = _scaled([step], scales)
            if len(versions) == 1:
                return [*steps[:index], *versions, *steps[index + 1:]]
            rest = [[later] for later in steps[index + 1:]]
            return [*steps[:index], dict(
                type='TestTimeAug', transforms=[versions, *rest])]
    raise ValueError(
        f'--scales changes the `window_size` of {RESIZE}, which the test '
        f'pipeline of the config lacks, got {[s["type"] for s in steps]}')


def _resizes(group: Iterable[Step]) -> bool:
    return any(step['type'] == RESIZE for step in group)


def _scaled(group: Iterable[Step], scales: Sequence[float]) -> list[Step]:
    return [
        dict(step, window_size=tuple(
            round(scale * side) for side in step['window_size']))
        for step in group for scale in scales
    ]
