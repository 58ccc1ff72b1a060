"""sIoU, PPV and component F1 of anomaly maps, as SegmentMeIfYouCan rates."""
import math
import tempfile
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from mmengine.dist import broadcast_object_list
from mmengine.logging import MMLogger
from mmseg.registry import METRICS

from ...checks import (
    check_choice,
    check_numbers,
    check_order,
    check_text,
    check_texts,
)
from ..objects import (
    TRACKS,
    ComponentMetrics,
    ComponentSums,
    component_metrics,
    match_components,
    sum_components,
)
from ..pixels.pixel_counts import CountsByScorer, PixelOptions
from ..pixels.score_histogram import IGNORE_LABEL, refuse_nan
from ..reports import component_table, recall_table
from ..threshold_file import check_threshold, read_threshold
from .streaming_metric import (
    AnomalyMaps,
    StreamingMetric,
    image_name,
    values_by_scorer,
)

METRIC_NAMES = ('sIoU', 'PPV', 'F1')


@METRICS.register_module()
class ComponentMetric(StreamingMetric):
    """Component metrics of every scorer at one threshold each.

    Reports, in percent, ``component/sIoU``, ``component/PPV`` and
    ``component/F1`` of the first scorer and ``component/<scorer>/sIoU`` and
    so on of each; ``objects`` defines them. A value is NaN where there is
    no component to rate.

    A pixel is flagged where its score > threshold. The threshold of the best
    F1 is known only when all pixels are: until then each process keeps maps
    and labels in a temporary file without a name, 4 bytes a pixel and scorer
    and 1 for the label, which vanishes with the process. A threshold given
    beforehand needs no such file. Numbers do not depend on batches or
    processes; images that a sampler repeated are dropped.

    ::

        test_evaluator = [
            dict(type='AnomalyMetric'),
            dict(type='ComponentMetric', track='obstacle',
                 size_bins=(1000, 10000))
        ]

    Args:
        track: 'anomaly' drops predicted components below 500 pixels and true
            ones below 100; 'obstacle' below 50 and 10, also for LostAndFound.
        threshold: 'best_f1' of the pixels of the same set; or, for one
            scorer, a number, or a file of
            ``tools/analysis_tools/choose_threshold.py``.
        scorers: Names of the scorers to rate; None rates all of them, or
            the one that the file names.
        protocol: How the best F1 is found: 'exact'; 'smiyc' by the bins of
            ``pixels.smiyc``; or 'smiyc_float16' by those of scores rounded
            to float16, as the official code reads them.
        size_bins: Rising numbers of pixels, at each of which a new bin of
            true components begins. Reports the percentage of each bin with
            sIoU >= 0.25, such as ``component/recall_below_1000``,
            ``recall_1000_to_10000`` and ``recall_from_10000``; nothing by
            default.
        spool_dir: Folder for the temporary file; None lets the system choose
            one.
        collect_device, prefix, collect_dir: As in ``StreamingMetric``.

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
                 size_bins: Sequence[int] = (),
                 spool_dir: str | None = None,
                 collect_device: str = 'cpu',
                 prefix: str | None = None,
                 collect_dir: str | None = None) -> None:
        check_choice('track', track, TRACKS)
        check_texts('scorers', scorers, optional=True)
        for name, text in (('spool_dir', spool_dir), ('prefix', prefix)):
            check_text(name, text, optional=True)
        check_numbers('size_bins', size_bins, kind=int, above=0)
        for lower, upper in pairwise(size_bins):
            check_order('size_bins', lower, 'size_bins', upper, equal=False)
        self.size_bins = tuple(size_bins)
        self.min_sizes = TRACKS[track]
        self.track = track
        self.scorers = None if scorers is None else tuple(scorers)
        self.options = PixelOptions(protocol)
        self.spool_dir = spool_dir
        self.threshold = None if threshold == 'best_f1' else self._given(
            threshold)
        super().__init__(collect_device, prefix, collect_dir)

    def _given(self, threshold: str | float) -> float:
        """Return the threshold that a number or a file states."""
        if isinstance(threshold, str):
            content = read_threshold(threshold)
            if self.scorers not in (None, (content['scorer'], )):
                raise ValueError(
                    f'`threshold` {threshold} is for the scorer '
                    f'{content["scorer"]!r}, got `scorers` {self.scorers}; '
                    'leave out `scorers` or choose a threshold for it')
            self.scorers = (content['scorer'], )
            threshold = content['threshold']
        check_threshold(threshold)
        return float(threshold)

    def reset(self) -> None:
        """Forget every image."""
        self._counts = CountsByScorer(self.options)
        self._cache: MapCache | None = None
        self._thresholds: dict[str, float] = {}
        self._sums: dict[str, list[ComponentSums]] = {}

    def choose_maps(self, data_sample: dict, maps: AnomalyMaps) -> AnomalyMaps:
        """Return the maps of the scorers to rate.

        Raises:
            ValueError: If a scorer is not there, or one threshold is to
                serve several.
        """
        names = tuple(maps) if self.scorers is None else self.scorers
        if not set(names) <= set(maps):
            raise ValueError(f'{image_name(data_sample)} has the scorers '
                             f'{tuple(maps)}, ComponentMetric is to rate '
                             f'{names}; add them to the model or change '
                             '`scorers`')
        if self.threshold is not None and len(names) > 1:
            raise ValueError(
                f'`threshold` {self.threshold} belongs to one scorer, '
                f'{image_name(data_sample)} has {names}; choose one by '
                '`scorers=[...]`')
        return {scorer: maps[scorer] for scorer in names}

    def add_image(self, name: str, label: np.ndarray,
                  maps: AnomalyMaps) -> None:
        """Rate an image, or keep it until its threshold is known."""
        if self.threshold is not None:
            for scorer, anomaly_map in maps.items():
                refuse_nan(anomaly_map[label != IGNORE_LABEL],
                           f'{scorer} of {name}')
                self._thresholds[scorer] = self.threshold
            self._rate(label, maps)
            return
        if self._cache is None:
            self._cache = MapCache(self.spool_dir)
        self._counts.count_image(name, maps, label)
        self._cache.write(label, maps)

    def _rate(self, label: np.ndarray, maps: AnomalyMaps) -> None:
        for scorer, anomaly_map in maps.items():
            matches = match_components(
                self._flagged(anomaly_map, self._thresholds[scorer]), label,
                self.min_sizes)
            self._sums.setdefault(scorer, []).append(
                sum_components(matches, self.size_bins))

    def _flagged(self, anomaly_map: np.ndarray,
                 threshold: float) -> np.ndarray:
        if self.options.protocol == 'smiyc_float16':
            with np.errstate(over='ignore'):  # to infinity, as in their files
                anomaly_map = anomaly_map.astype(np.float16)
        return anomaly_map > np.float64(threshold)

    def finish_images(self) -> None:
        """Agree on the thresholds of the best F1 and rate what was kept."""
        if self.threshold is not None:
            return
        self.gather(self._counts.parts, self._counts.merge_part)
        thresholds = [{scorer: report.ranking.threshold
                       for scorer, report in self._counts.reports()}]
        broadcast_object_list(thresholds)
        self._thresholds = thresholds[0]
        if self._cache is not None:
            for label, maps in self._cache:
                self._rate(label, maps)
            self._cache.close()

    def parts(self) -> Iterator[tuple[str, float, list[ComponentSums]]]:
        """Yield the sums of each scorer."""
        for scorer, sums in self._sums.items():
            yield scorer, self._thresholds[scorer], sums

    def merge(self, part: tuple[str, float, list[ComponentSums]]) -> None:
        """Add the sums of another process."""
        scorer, threshold, sums = part
        self._thresholds[scorer] = threshold
        self._sums.setdefault(scorer, []).extend(sums)

    def compute(self) -> dict[str, float]:
        """Name the numbers and log what they rest on.

        Returns:
            ``sIoU``, ``PPV`` and ``F1`` of the first scorer and
            ``<scorer>/sIoU`` and so on of each.
        """
        logger = MMLogger.get_current_instance()
        recalls = _recall_names(self.size_bins)
        results = [(scorer, self._thresholds[scorer], component_metrics(sums))
                   for scorer, sums in self._sums.items()]
        if not results:
            logger.warning('ComponentMetric saw no image; all its metrics '
                           'are undefined')
            return dict.fromkeys((*METRIC_NAMES, *recalls), math.nan)
        logger.info(
            f'components of the {self.track} track, at least '
            f'{self.min_sizes.predicted} predicted and '
            f'{self.min_sizes.truth} true pixels each; protocol: '
            f'{self.options.protocol}\n{component_table(results)}')
        if recalls:
            logger.info('true components with sIoU >= 0.25, by their pixels\n'
                        f'{recall_table(results, recalls)}')
        return values_by_scorer([
            (scorer, _values(result) | _recalls(result, recalls))
            for scorer, _, result in results])


def _values(result: ComponentMetrics) -> dict[str, float]:
    values = (100 * x for x in (result.siou, result.ppv, result.f1))
    return dict(zip(METRIC_NAMES, values, strict=True))


def _recalls(result: ComponentMetrics,
             names: Sequence[str]) -> dict[str, float]:
    if not names:  # one bin of all sizes, which is not named
        return {}
    return {name: 100 * recall for name, recall in zip(
        names, result.recall_by_size.tolist(), strict=True)}


def _recall_names(size_bins: Sequence[int]) -> list[str]:
    """Name the bins of sizes; without borders none is worth a name."""
    if not size_bins:
        return []
    between = (f'recall_{lower}_to_{upper}'
               for lower, upper in pairwise(size_bins))
    return [f'recall_below_{size_bins[0]}', *between,
            f'recall_from_{size_bins[-1]}']


class MapCache:
    """Labels and maps that wait in a file without a name.

    Args:
        folder: Where the file lies; None lets the system choose.
    """

    def __init__(self, folder: str | None) -> None:
        if folder is not None:
            Path(folder).mkdir(parents=True, exist_ok=True)
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        self._scorers: tuple[str, ...] = ()
        self._num_images = 0

    def write(self, label: np.ndarray, maps: AnomalyMaps) -> None:
        """Append an image; every one has the same scorers."""
        self._scorers = tuple(maps)
        for array in (label, *maps.values()):
            np.save(self._file, array)
        self._num_images += 1

    def __iter__(self) -> Iterator[tuple[np.ndarray, AnomalyMaps]]:
        """Yield every image as it was given."""
        self._file.seek(0)
        for _ in range(self._num_images):
            label = np.load(self._file)
            yield label, {name: np.load(self._file) for name in self._scorers}

    def close(self) -> None:
        """Let the file vanish."""
        self._file.close()
