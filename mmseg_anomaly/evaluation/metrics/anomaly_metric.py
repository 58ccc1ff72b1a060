"""AuPRC, FPR95, AUROC and F1 of anomaly maps over all pixels of a set."""
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from mmengine.dist import (
    all_gather_object,
    broadcast_object_list,
    get_dist_info,
)
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from mmseg.registry import METRICS

from ..pixels.bootstrap import Bootstrap
from ..pixels.pixel_counts import ScorerTally, TallyOptions
from ..pixels.ranking import METRIC_NAMES
from ..reports import ScorerReport, SetSummary, write_summary
from ..result_table import ranking_table
from .padding_guard import PaddingGuard
from .rank_gather import merge_over_ranks
from .scored_sample import anomaly_label, anomaly_maps, image_name

ScorerResult = tuple[str, ScorerReport]


@METRICS.register_module()
class AnomalyMetric(BaseMetric):
    """Streaming ranking metrics of every scorer, exact over all ranks.

    Reports, in percent, ``anomaly/AuPRC``, ``anomaly/FPR95``,
    ``anomaly/AUROC`` and ``anomaly/F1`` of the first scorer and
    ``anomaly/<scorer>/AuPRC`` and so on of each that the samples name in
    ``anomaly_scorers``. A value is NaN where the set has no anomaly, or
    nothing else. FPR95 is the false positive rate at the highest threshold
    with a recall of at least 0.95, F1 that of the best threshold, which
    ``anomaly/F1_threshold`` is: pixels with a score >= it are positive.

    Pixels are counted by score in a :class:`ScoreHistogram`: 64 MB at most
    for each scorer and any number of images. Two sets of equal pixels give
    equal numbers to the last digit, however they were split over batches and
    ranks. Images that a sampler repeated to fill up the last batch are
    dropped.

    ``save_best`` cannot guess the direction and needs its ``rule``::

        val_evaluator = [
            dict(type='SemanticIoUMetric', iou_metrics=['mIoU']),
            dict(type='AnomalyMetric')
        ]
        default_hooks = dict(checkpoint=dict(
            type='CheckpointHook', save_best='anomaly/AuPRC',
            rule='greater'))

    Args:
        output_dir: Folder for the map of the first scorer of each image,
            ``<image stem>_anomaly.npy``, (H, W) float32, larger = more
            anomalous; None writes nothing.
        format_only: Write the maps and look at no label, for benchmarks
            whose labels are hidden.
        keep_results: What ``tools/test.py --out`` sets beside
            ``output_dir``; written maps are always kept.
        collect_device: 'cpu' gathers counts through files, 'gpu' through
            the process group (of any backend).
        prefix: Replaces 'anomaly' in the names.
        collect_dir: Folder of those files.
        summary_path: File for values, bounds, thresholds and curves of
            every scorer, see ``summary``; rank 0 writes it.
        protocol: 'exact'; 'smiyc' for the bins of the SegmentMeIfYouCan
            code, see ``smiyc_pixels``, which keep 12 KB of each image; or
            'smiyc_float16' for scores rounded to float16 before that, as in
            the files which that code reads.
        bootstrap: ``dict(replicates=1000, level=0.95, seed=0)`` adds
            confidence intervals over images to log and summary, see
            ``bootstrap``; None adds none.
        per_image: Whether the summary has a row for each image.

    Raises:
        ValueError: If ``format_only`` comes without ``output_dir``, maps
            are asked for and not to be kept, ``per_image`` comes without
            ``summary_path``, or protocol or bootstrap are out of range.
    """

    default_prefix = 'anomaly'

    def __init__(self,
                 output_dir: str | None = None,
                 format_only: bool = False,
                 *,
                 keep_results: bool = True,
                 collect_device: str = 'cpu',
                 prefix: str | None = None,
                 collect_dir: str | None = None,
                 summary_path: str | None = None,
                 protocol: str = 'exact',
                 bootstrap: dict | None = None,
                 per_image: bool = False) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        if format_only and output_dir is None:
            raise ValueError('`format_only=True` writes maps and needs '
                             '`output_dir`, got None')
        if output_dir is not None and not keep_results:
            raise ValueError('maps written to `output_dir` are never '
                             'deleted, got `keep_results=False`; leave out '
                             'one of the two')
        self.output_dir = None if output_dir is None else Path(output_dir)
        self.format_only = format_only
        if per_image and summary_path is None:
            raise ValueError('`per_image=True` adds rows to the summary and '
                             'needs `summary_path`, got None')
        self.summary_path = summary_path
        self.options = TallyOptions(
            protocol, None if bootstrap is None else Bootstrap(**bootstrap),
            per_image)
        self._guard = PaddingGuard(self._count)
        self._reset()

    def _reset(self) -> None:
        self._tallies: dict[str, ScorerTally] = {}
        self._num_images = 0
        self._num_normal_images = 0
        self._protocol = 'not stated by the model'

    def process(self, data_batch: dict | None,
                data_samples: Sequence[dict]) -> None:
        """Count the pixels of a batch.

        Args:
            data_batch: Not used.
            data_samples: Each with ``pred_anomaly_map`` and, unless
                ``format_only``, ``gt_sem_seg``, both (1, H, W) under
                'data'; with ``anomaly_map_<name>`` for every name in
                ``anomaly_scorers``.

        Raises:
            KeyError: If a map or the ground truth is missing.
            ValueError: If a map does not fit the label, holds NaN on a valid
                pixel, or the scorers change between images.
        """
        for data_sample in data_samples:
            maps = anomaly_maps(data_sample)
            if self.output_dir is not None:
                self._write(data_sample['img_path'], next(iter(maps.values())))
            if not self.format_only:
                self._protocol = data_sample.get('anomaly_protocol',
                                                 self._protocol)
                self._guard.add(image_name(data_sample),
                                anomaly_label(data_sample, maps), maps)

    def _write(self, img_path: str, anomaly_map: np.ndarray) -> None:
        self.output_dir.mkdir(parents=True, exist_ok=True)
        np.save(self.output_dir / f'{Path(img_path).stem}_anomaly.npy',
                anomaly_map)

    def _count(self, name: str, label: np.ndarray,
               maps: dict[str, np.ndarray]) -> None:
        if self._num_images == 0:
            self._tallies = {
                scorer: ScorerTally(self.options) for scorer in maps
            }
        if tuple(maps) != tuple(self._tallies):
            raise ValueError(f'{name} has the scorers {tuple(maps)}, the '
                             f'images before {tuple(self._tallies)}; '
                             'evaluate one model at a time')
        for scorer, anomaly_map in maps.items():
            self._tallies[scorer].update(name, anomaly_map, label)
        self._num_images += 1
        self._num_normal_images += not (label == 1).any()

    def evaluate(self, size: int) -> dict[str, float]:
        """Compute the metrics over all ranks and forget the pixels.

        Args:
            size: Images in the data set; what the sampler added is dropped.

        Returns:
            Prefixed names and values, the same on every rank.
        """
        self._guard.finish(size)
        summaries = all_gather_object(
            (tuple(self._tallies), self._num_images, self._num_normal_images))
        scorers = max((summary[0] for summary in summaries), key=len)
        results = [(scorer, self._report(scorer)) for scorer in scorers]
        metrics = [None]
        if get_dist_info()[0] == 0:
            self._num_images = sum(summary[1] for summary in summaries)
            self._num_normal_images = sum(summary[2] for summary in summaries)
            values = self.compute_metrics(results)
            metrics = [{f'{self.prefix}/{k}': v for k, v in values.items()}]
        broadcast_object_list(metrics)
        self._reset()
        return metrics[0]

    def _report(self, scorer: str) -> ScorerReport | None:
        """Merge the tallies of all ranks; None but on rank 0."""
        tally = self._tallies.pop(scorer, None) or ScorerTally(self.options)
        merge_over_ranks(tally, self.collect_device, self.collect_dir)
        return tally.report() if get_dist_info()[0] == 0 else None

    def compute_metrics(self, results: list[ScorerResult]) -> dict:
        """Name the numbers and log what they rest on.

        Args:
            results: For each scorer its name ('' for an unnamed map) and
                what was measured.

        Returns:
            ``AuPRC``, ``FPR95``, ``AUROC``, ``F1`` and ``F1_threshold`` of
            the first scorer and ``<scorer>/AuPRC`` and so on of each; empty
            if ``format_only``.
        """
        logger = MMLogger.get_current_instance()
        if self.format_only:
            logger.info(f'anomaly maps are in {self.output_dir}')
            return {}
        self._write_summary(results)
        if not results:
            logger.warning('AnomalyMetric saw no image; all its metrics are '
                           'undefined')
            return dict.fromkeys((*METRIC_NAMES, 'F1_threshold'), math.nan)
        self._log(logger, results)
        metrics = _named_values(results[0][1])
        for scorer, report in results:
            if scorer:
                metrics |= {f'{scorer}/{key}': value
                            for key, value in _named_values(report).items()}
        return metrics

    def _write_summary(self, results: list[ScorerResult]) -> None:
        if self.summary_path is not None:
            bootstrap = self.options.bootstrap
            summary = SetSummary(self._protocol, self.options.protocol,
                                 self._num_images, self._num_normal_images,
                                 bootstrap and asdict(bootstrap))
            write_summary(self.summary_path, summary, results)

    def _log(self, logger: MMLogger, results: list[ScorerResult]) -> None:
        first = results[0][1].ranking
        logger.info(
            f'anomaly scores of {first.num_positives + first.num_negatives} '
            f'pixels, {first.num_positives} of them anomalous, in '
            f'{self._num_images} images, {self._num_normal_images} of them '
            f'without an anomaly; protocol: {self._protocol}; metrics: '
            f'{self.options.protocol}\n{ranking_table(results)}')
        if first.num_positives == 0 or first.num_negatives == 0:
            missing = 'anomaly' if first.num_negatives else 'normal pixel'
            logger.warning(f'the test set has no {missing}: AuPRC, FPR95, '
                           'AUROC and F1 are undefined (NaN, not 0)')


def _named_values(report: ScorerReport) -> dict[str, float]:
    return report.ranking.values | {'F1_threshold': report.ranking.threshold}
