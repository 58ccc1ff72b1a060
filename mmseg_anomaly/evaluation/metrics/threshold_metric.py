"""Choose an operating point while testing."""
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import MMLogger
from mmseg.registry import METRICS

from ...checks import check_text
from ..operating_point import OperatingPoint, check_target, choose_threshold
from ..pixels.score_histogram import ScoreCounts, ScoreHistogram
from ..threshold_file import RULE
from .streaming_metric import AnomalyMaps, StreamingMetric


@METRICS.register_module()
class ThresholdMetric(StreamingMetric):
    """Find the threshold that keeps to a target rate, and store it.

    Reports ``threshold/threshold``, ``threshold/FPR`` and ``threshold/TPR``
    in [0, 1] of the model's first scorer, exact over all processes. Without
    any anomaly the TPR is NaN, and the target must be an FPR.

    Example::

        test_evaluator = dict(
            type='ThresholdMetric', fpr=0.05, path='model.threshold.json')

    Args:
        fpr: Target false positive rate.
        tpr: Target true positive rate, instead.
        path: File for what was chosen; None writes none.
        facts: Further content of the file.
        collect_device, prefix: As in ``StreamingMetric``.

    Raises:
        ValueError: If not exactly one target is given, or it is out of range.
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
        check_target(fpr, tpr)
        check_text('path', path, optional=True)
        check_text('prefix', prefix, optional=True)
        self.target = dict(fpr=fpr) if tpr is None else dict(tpr=tpr)
        self.path = None if path is None else Path(path)
        self.facts = dict(facts or {})
        super().__init__(collect_device, prefix)

    def reset(self) -> None:
        """Forget every image."""
        self._histogram = ScoreHistogram()
        self._scorer = ''

    def choose_maps(self, data_sample: dict, maps: AnomalyMaps) -> AnomalyMaps:
        """Return the map of the first scorer."""
        scorer = next(iter(maps))
        return {scorer: maps[scorer]}

    def add_image(self, name: str, label: np.ndarray,
                  maps: AnomalyMaps) -> None:
        """Count the pixels of an image."""
        (self._scorer, anomaly_map), = maps.items()
        self._histogram.update(anomaly_map, label, name)

    def parts(self) -> Iterator[ScoreCounts]:
        """Yield the counts of this process."""
        yield self._histogram.to_counts()

    def merge(self, part: ScoreCounts) -> None:
        """Add the counts of another process."""
        self._histogram.merge(part)

    def compute(self) -> dict[str, float]:
        """Choose the threshold and write the file.

        Returns:
            ``threshold``, ``FPR`` and ``TPR``.

        Raises:
            ValueError: If no pixel is of the kind the target speaks about.
        """
        point = choose_threshold(self._histogram.to_counts(), **self.target)
        MMLogger.get_current_instance().info(
            f'{self._scorer or "anomaly"} score > {point.threshold!r} '
            f'flags {point.fpr:.3%} of the in-distribution pixels and '
            f'{point.tpr:.3%} of the anomalous ones of {self.num_images} '
            'images')
        if self.path is not None:
            self._write(point)
        return dict(threshold=point.threshold, FPR=point.fpr, TPR=point.tpr)

    def _write(self, point: OperatingPoint) -> None:
        content = dict(
            scorer=self._scorer,
            threshold=point.threshold,
            rule=RULE,
            target=self.target,
            reached={kind: None if math.isnan(rate) else rate
                     for kind, rate in (('fpr', point.fpr),
                                        ('tpr', point.tpr))},
            pixels=point.num_positives + point.num_negatives,
            anomalous_pixels=point.num_positives,
            images=self.num_images,
            windows=self.anomaly_protocol,
            **self.facts)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(content, indent=1) + '\n')
