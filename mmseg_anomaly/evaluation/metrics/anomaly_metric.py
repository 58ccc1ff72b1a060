"""AuPRC, FPR95, AUROC and F1 of anomaly maps over all pixels of a set."""
import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
from mmengine.logging import MMLogger
from mmseg.registry import METRICS

from ...checks import check_choice, check_flags, check_text
from ...progress import with_progress
from ..heatmap_files import FLOAT16_PREFIX
from ..output_files import OutputFiles
from ..pixels.bootstrap import Bootstrap
from ..pixels.pixel_counts import (
    CountsByScorer,
    PixelOptions,
    ScorerReport,
)
from ..pixels.ranking import METRIC_NAMES
from ..reports import SetSummary, ranking_table, write_summary
from .streaming_metric import AnomalyMaps, StreamingMetric, values_by_scorer

ScorerResult = tuple[str, ScorerReport]


@METRICS.register_module()
class AnomalyMetric(StreamingMetric):
    """Ranking metrics of every scorer over all pixels, exact and streamed.

    Reports, in percent, ``anomaly/AuPRC``, ``anomaly/FPR95``,
    ``anomaly/AUROC`` and ``anomaly/F1`` of the first scorer and
    ``anomaly/<scorer>/AuPRC`` and so on of each that the samples name in
    ``anomaly_scorers``. A value is NaN where the set has no anomaly, or
    nothing else. FPR95 is the false positive rate at the highest threshold
    with a recall of at least 0.95, F1 that of the best threshold, which
    ``anomaly/F1_threshold`` is: pixels with a score > it are flagged.

    Pixels are counted by score in a :class:`ScoreHistogram`: 64 MB at most
    for each scorer and any number of images. Two sets of equal pixels give
    equal numbers to the last digit, however they were split over batches and
    processes. Images that a sampler repeated to fill up the last batch are
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
            anomalous; with ``round_to`` ``_anomaly_float16.npy``. Where
            stems are not unique ``OutputNamesHook`` adds their folders.
            None writes nothing.
        format_only: Write the maps and look at no label, for benchmarks
            whose labels are hidden.
        keep_results: What ``tools/test.py --out`` sets with
            ``output_dir``; written maps are always kept.
        collect_device, prefix, collect_dir: As in ``StreamingMetric``.
        summary_path: File for values, bounds, thresholds and curves of
            every scorer, see ``reports``; the first process writes it.
        protocol: 'exact'; 'smiyc' for the bins of the SegmentMeIfYouCan
            code, see ``pixels.smiyc``, which keep 12 KB of each image; or
            'smiyc_float16', the same with ``round_to='float16'``, as in the
            files which that code reads.
        bootstrap: ``dict(replicates=1000, level=0.95, seed=0)`` adds
            confidence intervals over images to log and summary, see
            ``bootstrap``; None adds none.
        per_image: Whether the summary has a row for each image.
        round_to: 'float16' measures the maps as heat map files hold them:
            between 0.5 and 1 only 1024 scores differ. None rounds nothing.

    Raises:
        ValueError: If ``format_only`` comes without ``output_dir``, maps
            are asked for and not to be kept, ``per_image`` comes without
            ``summary_path``, or protocol, bootstrap or round_to are out of
            range.
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
                 per_image: bool = False,
                 round_to: str | None = None) -> None:
        check_flags(format_only=format_only, keep_results=keep_results)
        for name, text in (('output_dir', output_dir), ('prefix', prefix),
                           ('summary_path', summary_path)):
            check_text(name, text, optional=True)
        if format_only and output_dir is None:
            raise ValueError('`format_only=True` writes maps and needs '
                             '`output_dir`, got None')
        if output_dir is not None and not keep_results:
            raise ValueError('maps written to `output_dir` are never '
                             'deleted, got `keep_results=False`; leave out '
                             'one of the two')
        self.outputs = None if output_dir is None else OutputFiles(output_dir)
        self.format_only = format_only
        if per_image and summary_path is None:
            raise ValueError('`per_image=True` adds rows to the summary and '
                             'needs `summary_path`, got None')
        check_choice('round_to', round_to, (None, 'float16'))
        self.summary_path = summary_path
        self.round_to = round_to
        if round_to == 'float16' and protocol == 'smiyc':
            protocol = 'smiyc_float16'
        self.options = PixelOptions(
            protocol, None if bootstrap is None else Bootstrap(**bootstrap),
            per_image)
        super().__init__(collect_device, prefix, collect_dir)

    def reset(self) -> None:
        """Forget every image."""
        self._counts = CountsByScorer(self.options)

    def choose_maps(self, data_sample: dict,
                    maps: AnomalyMaps) -> AnomalyMaps | None:
        """Round the maps and write the first; None if nothing is measured."""
        if self.round_to is not None:
            maps = {scorer: _rounded(anomaly_map)
                    for scorer, anomaly_map in maps.items()}
        if self.outputs is not None:
            rounding = f'_{self.round_to}' if self.round_to else ''
            np.save(
                self.outputs.path_of(data_sample['img_path'],
                                     f'_anomaly{rounding}.npy'),
                next(iter(maps.values())))
        return None if self.format_only else maps

    def add_image(self, name: str, label: np.ndarray,
                  maps: AnomalyMaps) -> None:
        """Count the pixels of an image for every scorer."""
        self._counts.count_image(name, maps, label)

    def parts(self) -> Iterator[tuple[str, Any]]:
        """Yield the counts of each scorer, piece by piece."""
        yield from self._counts.parts()

    def merge(self, part: tuple[str, Any]) -> None:
        """Add a piece of another process."""
        self._counts.merge_part(part)

    def compute(self) -> dict[str, float]:
        """Name the numbers and log what they rest on.

        Returns:
            ``AuPRC``, ``FPR95``, ``AUROC``, ``F1`` and ``F1_threshold`` of
            the first scorer and ``<scorer>/AuPRC`` and so on of each; empty
            if ``format_only``.
        """
        logger = MMLogger.get_current_instance()
        if self.format_only:
            logger.info(f'anomaly maps are in {self.outputs.folder}')
            return {}
        if self.options.bootstrap is not None:
            logger.info(f'sampling the images of {len(self._counts)} scorers '
                        f'{self.options.bootstrap.replicates} times')
        results = list(with_progress(
            self._counts.reports(), 'ranking scorers', len(self._counts)))
        self._write_summary(results)
        if not results:
            logger.warning('AnomalyMetric saw no image; all its metrics are '
                           'undefined')
            return dict.fromkeys((*METRIC_NAMES, 'F1_threshold'), math.nan)
        self._log(logger, results)
        return values_by_scorer([
            (scorer, {**report.ranking.values,
                      'F1_threshold': report.ranking.threshold})
            for scorer, report in results])

    @property
    def _protocol(self) -> str:
        rounding = ', scores rounded to float16' if self.round_to else ''
        return f'{self.anomaly_protocol}{rounding}'

    def _write_summary(self, results: list[ScorerResult]) -> None:
        if self.summary_path is not None:
            bootstrap = self.options.bootstrap
            summary = SetSummary(self._protocol, self.options.protocol,
                                 self.num_images, self.num_normal_images,
                                 bootstrap and asdict(bootstrap))
            write_summary(self.summary_path, summary, results)

    def _log(self, logger: MMLogger, results: list[ScorerResult]) -> None:
        first = results[0][1].ranking
        logger.info(
            f'anomaly scores of {first.num_positives + first.num_negatives} '
            f'pixels, {first.num_positives} of them anomalous, in '
            f'{self.num_images} images, {self.num_normal_images} of them '
            f'without an anomaly; protocol: {self._protocol}; metrics: '
            f'{self.options.protocol}\n{ranking_table(results)}')
        if first.num_positives == 0 or first.num_negatives == 0:
            missing = 'anomaly' if first.num_negatives else 'normal pixel'
            logger.warning(f'the test set has no {missing}: AuPRC, FPR95, '
                           'AUROC and F1 are undefined (NaN, not 0)')


def _rounded(anomaly_map: np.ndarray) -> np.ndarray:
    with np.errstate(over='ignore'):  # to infinity, as in the files
        return anomaly_map.astype(np.float16).astype(np.float32)


@METRICS.register_module()
class Float16AnomalyMetric(AnomalyMetric):
    """``AnomalyMetric(round_to='float16')`` with a prefix of its own.

    Next to ``AnomalyMetric`` it shows the price of handing a score in as
    float16::

        test_evaluator = [dict(type='AnomalyMetric'),
                          dict(type='Float16AnomalyMetric')]
    """

    default_prefix = FLOAT16_PREFIX

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, round_to='float16', **kwargs)
