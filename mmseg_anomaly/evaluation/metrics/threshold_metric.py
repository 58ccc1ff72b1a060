"""Choose an operating point while testing."""
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dist import (
    all_gather_object,
    broadcast_object_list,
    is_main_process,
)
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from mmseg.registry import METRICS

from ..operating_point import (
    OperatingPoint,
    check_target,
    choose_threshold,
)
from ..pixels.score_histogram import ScoreHistogram
from .padding_guard import PaddingGuard
from .scored_sample import anomaly_label, anomaly_maps, image_name


@METRICS.register_module()
class ThresholdMetric(BaseMetric):
    """Find the threshold that keeps to a target rate, and store it.

    Reports ``threshold/threshold``, ``threshold/FPR`` and ``threshold/TPR``
    in [0, 1] of the model's first scorer, exact over all ranks. Without any
    anomaly the TPR is NaN, and a target FPR is all one can ask for.

    Example::

        test_evaluator = dict(
            type='ThresholdMetric', fpr=0.05, path='model.threshold.json')

    Args:
        fpr: Target false positive rate.
        tpr: Target true positive rate, instead.
        path: File for what was chosen; None writes none.
        facts: What else the file is to hold.
        collect_device: As in MMEngine.
        prefix: Replaces 'threshold' in the names.

    Raises:
        ValueError: If not exactly one target is given, or it is no rate.
    """

    default_prefix = 'threshold'

    def __init__(self,
                 fpr: float | None = None,
                 tpr: float | None = None,
                 path: str | None = None,
                 facts: Mapping[str, Any] | None = None,
                 *,
                 collect_device: str = 'cpu',
                 prefix: str | None = None) -> None:
        super().__init__(collect_device, prefix)
        check_target(fpr, tpr)
        self.target = dict(fpr=fpr) if tpr is None else dict(tpr=tpr)
        self.path = None if path is None else Path(path)
        self.facts = dict(facts or {})
        self._guard = PaddingGuard(self._count)
        self._reset()

    def _reset(self) -> None:
        self._histogram = ScoreHistogram()
        self._num_images = 0
        self._scorer = ''
        self._protocol = 'not stated by the model'

    def process(self, data_batch: dict | None,
                data_samples: Sequence[dict]) -> None:
        """Count the pixels of a batch, as ``AnomalyMetric`` does."""
        for data_sample in data_samples:
            maps = anomaly_maps(data_sample)
            self._scorer = next(iter(maps))
            self._protocol = data_sample.get('anomaly_protocol',
                                             self._protocol)
            self._guard.add(image_name(data_sample),
                            anomaly_label(data_sample, maps),
                            maps[self._scorer])

    def _count(self, name: str, label: np.ndarray,
               anomaly_map: np.ndarray) -> None:
        self._histogram.update(anomaly_map, label, name)
        self._num_images += 1

    def evaluate(self, size: int) -> dict[str, float]:
        """Choose the threshold over all ranks and forget the pixels.

        Args:
            size: Images in the dataset; what the sampler added is dropped.
        """
        self._guard.finish(size)
        parts = all_gather_object((self._histogram.to_counts(),
                                   self._num_images))
        metrics = [None]
        if is_main_process():
            metrics = [{f'{self.prefix}/{key}': value for key, value
                        in self.compute_metrics(parts).items()}]
        broadcast_object_list(metrics)
        self._reset()
        return metrics[0]

    def compute_metrics(self, results: list[tuple]) -> dict[str, float]:
        """Choose the threshold and write the file.

        Args:
            results: Counts and number of images of each rank.

        Returns:
            ``threshold``, ``FPR`` and ``TPR``.

        Raises:
            ValueError: If no pixel is of the kind the target speaks about.
        """
        histogram = ScoreHistogram()
        for counts, _ in results:
            histogram.merge(counts)
        point = choose_threshold(histogram.to_counts(), **self.target)
        num_images = sum(count for _, count in results)
        MMLogger.get_current_instance().info(
            f'{self._scorer or "anomaly"} score > {point.threshold:.6g} '
            f'flags {point.fpr:.3%} of the in-distribution pixels and '
            f'{point.tpr:.3%} of the anomalous ones of {num_images} images')
        if self.path is not None:
            self._write(point, num_images)
        return dict(threshold=point.threshold, FPR=point.fpr, TPR=point.tpr)

    def _write(self, point: OperatingPoint, num_images: int) -> None:
        content = dict(
            scorer=self._scorer,
            threshold=point.threshold,
            rule='score > threshold',
            target=self.target,
            reached={kind: None if math.isnan(rate) else rate
                     for kind, rate in (('fpr', point.fpr),
                                        ('tpr', point.tpr))},
            pixels=point.num_positives + point.num_negatives,
            anomalous_pixels=point.num_positives,
            images=num_images,
            windows=self._protocol,
            **self.facts)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(content, indent=1) + '\n')
