"""Exact pixel metrics of a growing set."""
import numpy as np

from .ranking import RankingMetrics, rank_pixels
from .ranking_curves import RankingCurves, ranking_curves
from .score_histogram import ScoreCounts, ScoreHistogram


class ExactPixels:
    """Metrics over all pixels at once, in constant memory."""

    def __init__(self) -> None:
        self._histogram = ScoreHistogram()

    def update(self, name: str, scores: np.ndarray,
               labels: np.ndarray) -> None:
        """Count an image, see ``ScoreHistogram.update``."""
        self._histogram.update(scores, labels, name)

    def part(self) -> ScoreCounts:
        """Return what :meth:`merge` of another rank takes."""
        return self._histogram.to_counts()

    def merge(self, part: ScoreCounts) -> None:
        """Add what another rank counted."""
        self._histogram.merge(part)

    def rank(self) -> tuple[RankingMetrics, RankingCurves]:
        """Return metrics and curves; nothing can be counted any more."""
        counts = self._histogram.to_counts()
        del self._histogram  # memory that ranking can use
        return rank_pixels(counts), ranking_curves(counts)
