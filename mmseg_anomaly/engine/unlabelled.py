"""Test on pictures without labels: write results, measure nothing."""
from collections.abc import Iterable, Mapping
from inspect import signature
from typing import Any

from mmcv.transforms import LoadAnnotations
from mmengine.config import Config, ConfigDict
from mmseg.registry import METRICS, TRANSFORMS

from ..class_names import plain_datasets


def measure_nothing_without_labels(cfg: Config, writes: bool) -> bool:
    """Leave out labels and numbers where the test set has no labels.

    These are datasets ``with_labels=False``, and those whose ``data_prefix``
    names no ``seg_map_path``. Metrics that write what they are given, by
    their ``output_dir``, still do.

    Args:
        cfg: Its test pipeline, dataset and evaluators change.
        writes: Whether anything is written or shown.

    Returns:
        Whether nothing is measured.

    Raises:
        ValueError: If the test would write nothing either, or only some of
            the datasets have labels.
    """
    parts = list(plain_datasets(cfg.test_dataloader.dataset))
    labelled = [_has_labels(part) for part in parts]
    if all(labelled):
        return False
    if any(labelled):
        raise ValueError('some of the datasets in `test_dataloader` have '
                         'labels and some have none: test them apart')
    if not writes:
        raise ValueError(
            'the pictures of `test_dataloader.dataset` have no labels, so '
            'nothing can be measured: give --out, --show-dir or '
            '--save-heatmaps, or name the labels in '
            '`data_prefix.seg_map_path`')
    for part in parts:
        part.pipeline = _without_labels(part.pipeline)
        if part.get('data_prefix'):
            part.data_prefix.pop('seg_map_path', None)
    evaluators = cfg.test_evaluator
    if isinstance(evaluators, dict):
        evaluators = [evaluators]
    cfg.test_evaluator = [dict(evaluator, format_only=True)
                          for evaluator in evaluators if _writes(evaluator)]
    return True


def _has_labels(dataset: Mapping[str, Any]) -> bool:
    prefix = dataset.get('data_prefix')
    return dataset.get('with_labels', True) and (
        prefix is None or prefix.get('seg_map_path') is not None)


def _without_labels(pipeline: Iterable[ConfigDict]) -> list[ConfigDict]:
    kept = [step for step in pipeline if not _loads_labels(step)]
    for step in kept:
        if 'transforms' in step:  # versions of test-time augmentation
            step.transforms = [
                versions for versions in map(_without_labels, step.transforms)
                if versions]
    return kept


def _loads_labels(step: Mapping[str, Any]) -> bool:
    return issubclass(TRANSFORMS.get(step['type']), LoadAnnotations)


def _writes(evaluator: Mapping[str, Any]) -> bool:
    return bool(evaluator.get('output_dir')) and 'format_only' in signature(
        METRICS.get(evaluator['type'])).parameters
