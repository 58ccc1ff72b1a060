"""sIoU, PPV and component F1 of anomaly maps, as SegmentMeIfYouCan rates."""
import math
from collections.abc import Sequence

import numpy as np
from mmengine.dist import (
    all_gather_object,
    broadcast_object_list,
    get_dist_info,
)
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from mmseg.registry import METRICS

from ..objects import (
    TRACKS,
    ComponentMetrics,
    ComponentSums,
    component_metrics,
    match_components,
    sum_components,
)
from ..operating_point import read_threshold
from ..pixels.pixel_counts import ScorerTally, TallyOptions
from ..pixels.score_histogram import IGNORE_LABEL
from ..result_table import component_table
from .image_spool import ImageSpool
from .padding_guard import PaddingGuard
from .rank_gather import merge_over_ranks
from .scored_sample import anomaly_label, anomaly_maps, image_name

METRIC_NAMES = ('sIoU', 'PPV', 'F1')

ScorerResult = tuple[str, float, ComponentMetrics]


@METRICS.register_module()
class ComponentMetric(BaseMetric):
    """Component metrics of every scorer at one threshold each.

    Reports, in percent, ``component/sIoU``, ``component/PPV`` and
    ``component/F1`` of the first scorer and ``component/<scorer>/sIoU`` and
    so on of each; see ``components`` for what they are. A value is NaN where
    no component is there to be rated.

    The threshold of the best F1 is known only when all pixels are: until
    then maps and labels lie in a temporary folder of each rank, 4 bytes a
    pixel and scorer and 1 for the label, which is removed at the end. A
    threshold given beforehand needs no such folder. Numbers do not depend on
    batches or ranks; images that a sampler repeated are dropped.

    ::

        test_evaluator = [
            dict(type='AnomalyMetric'),
            dict(type='ComponentMetric', track='obstacle')
        ]

    Args:
        track: 'anomaly' drops predicted components below 500 pixels and true
            ones below 100; 'obstacle' below 50 and 10, also for LostAndFound.
        threshold: 'best_f1' of the pixels of the same set; a number, which a
            score has to exceed; or a file of
            ``tools/analysis_tools/choose_threshold.py``. The latter two
            belong to one scorer.
        scorers: Names of the scorers to rate; None rates all of them, or
            the one that the file names.
        protocol: Of the best F1 and the scores: 'exact'; 'smiyc' for the
            best F1 of the bins of ``smiyc_pixels``; or 'smiyc_float16' for
            scores rounded to float16 as well, as the official code reads.
        spool_dir: Folder for the temporary folder; None lets the system
            choose one.
        collect_device: 'cpu' gathers counts through files, 'gpu' through
            the process group (of any backend).
        prefix: Replaces 'component' in the names.
        collect_dir: Folder of those files.

    Raises:
        FileNotFoundError: If the file of the threshold does not exist.
        ValueError: If track or protocol do not exist, the threshold is NaN,
            or its file holds none or is for another scorer.
    """

    default_prefix = 'component'

    def __init__(self,
                 track: str = 'anomaly',
                 threshold: str | float = 'best_f1',
                 *,
                 scorers: Sequence[str] | None = None,
                 protocol: str = 'exact',
                 spool_dir: str | None = None,
                 collect_device: str = 'cpu',
                 prefix: str | None = None,
                 collect_dir: str | None = None) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        if track not in TRACKS:
            raise ValueError(f'`track` must be one of {tuple(TRACKS)}, got '
                             f'{track!r}')
        self.min_sizes = TRACKS[track]
        self.track = track
        self.scorers = None if scorers is None else tuple(scorers)
        self.options = TallyOptions(protocol)
        self.spool_dir = spool_dir
        self.threshold = None if threshold == 'best_f1' else self._given(
            threshold)
        self._guard = PaddingGuard(self._accept)
        self._reset()

    def _given(self, threshold: str | float) -> float:
        """Return a threshold known beforehand."""
        if isinstance(threshold, str):
            content = read_threshold(threshold)
            if self.scorers not in (None, (content['scorer'], )):
                raise ValueError(
                    f'`threshold` {threshold} is for the scorer '
                    f'{content["scorer"]!r}, got `scorers` {self.scorers}; '
                    'leave out `scorers` or choose a threshold for it')
            self.scorers = (content['scorer'], )
            threshold = content['threshold']
        if math.isnan(threshold):
            raise ValueError('`threshold` must be a number, a file or '
                             "'best_f1', got nan")
        return float(threshold)

    def _reset(self) -> None:
        self._names: tuple[str, ...] = ()
        self._tallies: dict[str, ScorerTally] = {}
        self._spool: ImageSpool | None = None
        self._sums: dict[str, list[ComponentSums]] = {}

    def process(self, data_batch: dict | None,
                data_samples: Sequence[dict]) -> None:
        """Rate or store the maps of a batch.

        Args:
            data_batch: Not used.
            data_samples: As ``AnomalyMetric.process`` takes them.

        Raises:
            KeyError: If a map or the ground truth is missing.
            ValueError: If a map does not fit the label, holds NaN on a valid
                pixel, the scorers change between images or are not there, or
                one threshold is to serve several.
        """
        for data_sample in data_samples:
            maps = anomaly_maps(data_sample)
            label = anomaly_label(data_sample, maps)
            name = image_name(data_sample)
            self._guard.add(name, label, self._chosen(name, maps))

    def _chosen(self, name: str,
                maps: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        names = tuple(maps) if self.scorers is None else self.scorers
        if not set(names) <= set(maps):
            raise ValueError(f'{name} has the scorers {tuple(maps)}, '
                             f'ComponentMetric is to rate {names}; add them '
                             'to the model or change `scorers`')
        if self.threshold is not None and len(names) > 1:
            raise ValueError(
                f'`threshold` {self.threshold} belongs to one scorer, '
                f'{name} has {names}; choose one by `scorers=[...]`')
        return {scorer: maps[scorer] for scorer in names}

    def _accept(self, name: str, label: np.ndarray,
                maps: dict[str, np.ndarray]) -> None:
        if not self._names:
            self._start(tuple(maps))
        if tuple(maps) != self._names:
            raise ValueError(f'{name} has the scorers {tuple(maps)}, the '
                             f'images before {self._names}; evaluate one '
                             'model at a time')
        if self.threshold is None:
            for scorer, anomaly_map in maps.items():
                self._tallies[scorer].update(name, anomaly_map, label)
            self._spool.add(label, maps)
        else:
            _check_scores(name, label, maps)
            self._rate(label, maps, dict.fromkeys(maps, self.threshold))

    def _start(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._sums = {scorer: [] for scorer in names}
        if self.threshold is None:
            self._tallies = {
                scorer: ScorerTally(self.options) for scorer in names
            }
            self._spool = ImageSpool(self.spool_dir)

    def _rate(self, label: np.ndarray, maps: dict[str, np.ndarray],
              thresholds: dict[str, float]) -> None:
        for scorer, anomaly_map in maps.items():
            matches = match_components(
                self._exceeds(anomaly_map, thresholds[scorer]), label,
                self.min_sizes)
            self._sums[scorer].append(sum_components(matches))

    def _exceeds(self, anomaly_map: np.ndarray,
                 threshold: float) -> np.ndarray:
        if self.options.protocol == 'smiyc_float16':
            with np.errstate(over='ignore'):  # to infinity, as in their files
                anomaly_map = anomaly_map.astype(np.float16)
        return anomaly_map > np.float64(threshold)

    def evaluate(self, size: int) -> dict[str, float]:
        """Compute the metrics over all ranks and remove the folder.

        Args:
            size: Images in the data set; what the sampler added is dropped.

        Returns:
            Prefixed names and values, the same on every rank.
        """
        self._guard.finish(size)
        names = max(all_gather_object(self._names), key=len)
        thresholds = {scorer: self._threshold_of(scorer) for scorer in names}
        if self._spool is not None:
            for label, maps in self._spool:
                self._rate(label, maps, thresholds)
            self._spool.close()
        gathered = all_gather_object(self._sums)
        results = [(scorer, thresholds[scorer], component_metrics(
            [part for sums in gathered for part in sums.get(scorer, [])]))
            for scorer in names]
        self._reset()
        metrics = [None]
        if get_dist_info()[0] == 0:
            values = self.compute_metrics(results)
            metrics = [{f'{self.prefix}/{k}': v for k, v in values.items()}]
        broadcast_object_list(metrics)
        return metrics[0]

    def _threshold_of(self, scorer: str) -> float:
        """Return what scores have to exceed, the same on every rank."""
        if self.threshold is not None:
            return self.threshold
        tally = self._tallies.pop(scorer, None) or ScorerTally(self.options)
        merge_over_ranks(tally, self.collect_device, self.collect_dir)
        threshold = [None]
        if get_dist_info()[0] == 0:
            best = tally.report().ranking.threshold
            if self.options.protocol == 'exact':  # there, scores >= it count
                best = float(np.nextafter(np.float32(best),
                                          np.float32(-np.inf)))
            threshold = [best]
        broadcast_object_list(threshold)
        return threshold[0]

    def compute_metrics(self, results: list[ScorerResult]) -> dict:
        """Name the numbers and log what they rest on.

        Args:
            results: For each scorer its name ('' for an unnamed map), its
                threshold and its metrics.

        Returns:
            ``sIoU``, ``PPV`` and ``F1`` of the first scorer and
            ``<scorer>/sIoU`` and so on of each.
        """
        logger = MMLogger.get_current_instance()
        if not results:
            logger.warning('ComponentMetric saw no image; all its metrics '
                           'are undefined')
            return dict.fromkeys(METRIC_NAMES, math.nan)
        logger.info(
            f'components of the {self.track} track, at least '
            f'{self.min_sizes.predicted} predicted and '
            f'{self.min_sizes.truth} true pixels each; protocol: '
            f'{self.options.protocol}\n{component_table(results)}')
        metrics = _named_values(results[0][2])
        for scorer, _, result in results:
            if scorer:
                metrics |= {f'{scorer}/{key}': value
                            for key, value in _named_values(result).items()}
        return metrics


def _check_scores(name: str, label: np.ndarray,
                  maps: dict[str, np.ndarray]) -> None:
    for scorer, anomaly_map in maps.items():
        if np.isnan(anomaly_map[label != IGNORE_LABEL]).any():
            raise ValueError(f'NaN among the anomaly scores {scorer} of '
                             f'{name}; a score must be a number or infinite, '
                             'check the model and its weights')


def _named_values(result: ComponentMetrics) -> dict[str, float]:
    values = (100 * x for x in (result.siou, result.ppv, result.f1))
    return dict(zip(METRIC_NAMES, values, strict=True))
