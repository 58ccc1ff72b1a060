"""Precision, recall and false positive rate at every threshold, thinned.

Letters: D distinct scores or cells, N points that are kept.
"""
from dataclasses import dataclass

import numpy as np

from .score_histogram import ScoreCounts

NUM_POINTS = 2000

_KEY_OF_MINUS_INFINITY = (1 << 23) - 1
_SIGN = np.uint32(1 << 31)


@dataclass(frozen=True)
class RankingCurves:
    """Points of the precision-recall and the ROC curve, (N,) float64 each.

    Pixels with a score >= the threshold count as anomalies. Without any
    positive or without any negative there are no points. The ROC curve
    starts at (0, 0), which is not among the points.

    Attributes:
        thresholds: Scores, strictly falling.
        recall: TP / (TP + FN), also the true positive rate.
        precision: TP / (TP + FP).
        fpr: FP / (FP + TN).
    """

    thresholds: np.ndarray
    recall: np.ndarray
    precision: np.ndarray
    fpr: np.ndarray


def threshold_scores(keys: np.ndarray) -> np.ndarray:
    """Return the smallest score of each cell.

    Args:
        keys: (D,) uint32 of ``ScoreCounts``.

    Returns:
        (D,) float32; ``score >= it`` holds for the pixels of the cell and of
        all cells above, and for no other pixel.
    """
    # The lowest cell may start below the infinities, where NaN would be.
    keys = np.maximum(keys, np.uint32(_KEY_OF_MINUS_INFINITY))
    return np.where(keys & _SIGN, keys ^ _SIGN, ~keys).view(np.float32)


def ranking_curves(counts: ScoreCounts,
                   num_points: int = NUM_POINTS) -> RankingCurves:
    """Compute the curves of a set of pixels.

    Args:
        counts: Of every valid pixel of the set.
        num_points: See :func:`thin_curves`.

    Returns:
        Points at the borders of cells, which are exact also where scores
        were merged.

    Raises:
        ValueError: If ``num_points`` is below 2.
    """
    return thin_curves(
        threshold_scores(counts.keys[::-1]),
        np.cumsum(counts.positives[::-1].copy()),
        np.cumsum(counts.negatives[::-1].copy()), num_points)


def thin_curves(thresholds: np.ndarray, hits: np.ndarray, alarms: np.ndarray,
                num_points: int = NUM_POINTS) -> RankingCurves:
    """Keep the points between which the curves move by equal lengths.

    With V the variation of recall, precision and false positive rate added
    up, every dropped point is within ``V / (num_points - 1)`` of a kept one
    in all three. V is 2 plus the ups and downs of the precision.

    Args:
        thresholds: (D,) falling.
        hits: (D,) TP at each threshold; the last counts every positive.
        alarms: (D,) FP at each threshold; the last counts every negative.
        num_points: Most points to keep, at least 2; the first and the last
            one are kept.

    Returns:
        The curves.

    Raises:
        ValueError: If ``num_points`` is below 2.
    """
    if num_points < 2:
        raise ValueError('`num_points` must be at least 2 to keep both ends '
                         f'of a curve, got {num_points}')
    if hits.size == 0 or 0 in (hits[-1], alarms[-1]):
        return RankingCurves(*(np.zeros(0) for _ in range(4)))
    points = np.stack(
        [hits / hits[-1], hits / np.maximum(hits + alarms, 1),
         alarms / alarms[-1]])
    if hits.size > num_points:
        steps = np.abs(np.diff(points, axis=1, prepend=points[:, :1]))
        way = np.cumsum(steps.sum(axis=0))
        kept = np.unique(np.searchsorted(
            way, np.linspace(0, way[-1], num_points)))
        kept[-1] = hits.size - 1  # not the first of those that repeat it
        thresholds, points = thresholds[kept], points[:, kept]
    return RankingCurves(thresholds.astype(np.float64), *points)
