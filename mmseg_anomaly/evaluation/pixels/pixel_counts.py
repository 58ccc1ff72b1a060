"""The pixel counts of one scorer, over images and processes."""
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ...checks import check_choice, check_flags
from .bootstrap import Bootstrap, ImageCounts, bootstrap_intervals, count_image
from .ranking import (
    RankingCurves,
    RankingMetrics,
    rank_pixels,
    ranking_curves,
)
from .score_histogram import IGNORE_LABEL, ScoreCounts, ScoreHistogram
from .smiyc import SmiycPixels

PROTOCOLS = ('exact', 'smiyc', 'smiyc_float16')


@dataclass(frozen=True)
class PixelOptions:
    """What to measure.

    Attributes:
        protocol: One of ``PROTOCOLS``.
        bootstrap: How to resample images, or None.
        per_image: Whether to keep a row for each image.

    Raises:
        ValueError: If there is no such protocol.
    """

    protocol: str = 'exact'
    bootstrap: Bootstrap | None = None
    per_image: bool = False

    def __post_init__(self) -> None:
        check_choice('protocol', self.protocol, PROTOCOLS)
        check_flags(per_image=self.per_image)


@dataclass(frozen=True)
class ScorerReport:
    """What was measured of one scorer.

    Attributes:
        ranking: The metrics over all pixels.
        curves: Points of the precision-recall and the ROC curve.
        intervals: Lower and upper confidence limits of AuPRC, FPR95 and
            AUROC in percent; None without a bootstrap.
        images: For each image in the order of their names the keys
            ``image``, ``pixels``, ``positives``, ``AuPRC`` and ``FPR95``;
            None unless asked for.
    """

    ranking: RankingMetrics
    curves: RankingCurves
    intervals: dict[str, tuple[float, float]] | None = None
    images: list[dict] | None = None


class PixelCounts:
    """Counts all pixels of one scorer, and single images where asked for."""

    def __init__(self, options: PixelOptions) -> None:
        self._options = options
        self._pixels = (
            ExactPixels() if options.protocol == 'exact' else
            SmiycPixels(float16=options.protocol == 'smiyc_float16'))
        self._images = ImageCounts() if options.bootstrap else None
        self._rows: list[dict] = []

    def count_image(self, name: str, scores: np.ndarray,
                    labels: np.ndarray) -> None:
        """Count an image.

        Args:
            name: What error messages and rows call it.
            scores: (H, W) float32; NaN on void pixels only.
            labels: (H, W) of 0, 1 and 255 (void).

        Raises:
            ValueError: If a valid score is NaN.
        """
        self._pixels.count_image(name, scores, labels)
        if self._images is None and not self._options.per_image:
            return
        valid = labels != IGNORE_LABEL
        counts = count_image(scores[valid], labels[valid])
        if self._images is not None:
            self._images.store(name, counts)
        if self._options.per_image:
            self._rows.append(image_row(name, counts))

    def parts(self) -> Iterator[tuple[str, object]]:
        """Yield what :meth:`merge_part` of another process takes."""
        yield 'pixels', self._pixels.part()
        yield 'rows', self._rows
        if self._images is not None:
            for records in self._images.record_batches():
                yield 'images', records

    def merge_part(self, part: tuple[str, object]) -> None:
        """Add a part of another process."""
        kind, content = part
        if kind == 'pixels':
            self._pixels.merge_part(content)
        elif kind == 'rows':
            self._rows.extend(content)
        else:
            self._images.store_records(content)

    def report(self) -> ScorerReport:
        """Return what was measured; nothing can be counted any more."""
        ranking, curves = self._pixels.rank()
        del self._pixels
        intervals = rows = None
        if self._images is not None:
            intervals = bootstrap_intervals(self._images, ranking.values,
                                            self._options.bootstrap)
        if self._options.per_image:
            rows = sorted(self._rows, key=lambda row: row['image'])
        return ScorerReport(ranking, curves, intervals, rows)


class CountsByScorer:
    """The pixel counts of every scorer, in the order in which they came."""

    def __init__(self, options: PixelOptions) -> None:
        self._options = options
        self._counts: dict[str, PixelCounts] = {}

    def _of(self, scorer: str) -> PixelCounts:
        if scorer not in self._counts:
            self._counts[scorer] = PixelCounts(self._options)
        return self._counts[scorer]

    def count_image(self, name: str, maps: Mapping[str, np.ndarray],
                    labels: np.ndarray) -> None:
        """Count an image for every scorer, see ``PixelCounts``."""
        for scorer, scores in maps.items():
            self._of(scorer).count_image(name, scores, labels)

    def parts(self) -> Iterator[tuple[str, tuple[str, object]]]:
        """Yield what :meth:`merge_part` of another process takes."""
        for scorer, counts in self._counts.items():
            for part in counts.parts():
                yield scorer, part

    def merge_part(self, part: tuple[str, tuple[str, object]]) -> None:
        """Add a part of another process."""
        scorer, content = part
        self._of(scorer).merge_part(content)

    def __len__(self) -> int:
        return len(self._counts)

    def reports(self) -> Iterator[tuple[str, ScorerReport]]:
        """Yield each scorer and its report, and free its counts."""
        for scorer in tuple(self._counts):
            yield scorer, self._counts.pop(scorer).report()


class ExactPixels:
    """Metrics over all pixels at once, in constant memory."""

    def __init__(self) -> None:
        self._histogram = ScoreHistogram()

    def count_image(self, name: str, scores: np.ndarray,
                    labels: np.ndarray) -> None:
        """Count an image, see ``ScoreHistogram.update``."""
        self._histogram.update(scores, labels, name)

    def part(self) -> ScoreCounts:
        """Return what :meth:`merge_part` of another process takes."""
        return self._histogram.to_counts()

    def merge_part(self, part: ScoreCounts) -> None:
        """Add what another process counted."""
        self._histogram.merge(part)

    def rank(self) -> tuple[RankingMetrics, RankingCurves]:
        """Return metrics and curves; nothing can be counted any more."""
        counts = self._histogram.to_counts()
        del self._histogram  # memory that ranking can use
        return rank_pixels(counts), ranking_curves(counts)


def image_row(name: str, counts: ScoreCounts) -> dict:
    """Return the row of an image: its pixels, positives, AuPRC and FPR95."""
    ranking = rank_pixels(counts)
    return {
        'image': name,
        'pixels': ranking.num_positives + ranking.num_negatives,
        'positives': ranking.num_positives,
        'AuPRC': ranking.values['AuPRC'],
        'FPR95': ranking.values['FPR95']
    }
