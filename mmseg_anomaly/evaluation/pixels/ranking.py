"""AuPRC, AUROC, FPR95, best F1 and curves from counts, with error bounds.

Where scores were merged into cells, the reported number treats a cell as one
tie. The order of the merged pixels is unknown, so the exact number lies
between those of the best and the worst order inside every cell; half-way
orders and partial ties lie between the two as well.

Letters: D distinct scores or cells, in falling order of the score, N points
that are kept of a curve; T, F anomalous and in-distribution pixels scored
above a cell, p, n those inside.
"""
from dataclasses import dataclass

import numpy as np

from .float_keys import is_exact, score_below
from .score_histogram import ScoreCounts

METRIC_NAMES = ('AuPRC', 'FPR95', 'AUROC', 'F1')
RECALL = 0.95
NUM_POINTS = 2000


@dataclass(frozen=True)
class RankingMetrics:
    """What a ranking is worth, and what is known about it.

    Attributes:
        values: AuPRC, FPR95, AUROC and the best F1 in percent; NaN without
            any positive or without any negative.
        bounds: For each, the largest possible distance from the exact value,
            in points; 0.0 where no scores were merged.
        num_positives: Anomalous pixels.
        num_negatives: In-distribution pixels.
        level: Bits dropped to merge scores; 0 is exact.
        threshold: Reaches ``values['F1']``, the highest of several: pixels
            with a score > it are flagged. NaN where F1 is.
    """

    values: dict[str, float]
    bounds: dict[str, float]
    num_positives: int
    num_negatives: int
    level: int
    threshold: float = float('nan')


@dataclass(frozen=True)
class RankingCurves:
    """Points of the precision-recall and the ROC curve, (N,) float64 each.

    Pixels with a score > the threshold are flagged. Without any positive or
    without any negative there are no points. The ROC curve starts at (0, 0),
    which is not among the points.

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


def rank_pixels(counts: ScoreCounts) -> RankingMetrics:
    """Compute the metrics of a set of pixels.

    AuPRC is the average precision, the sum of recall steps times precision;
    FPR95 the false positive rate at the highest threshold whose recall is
    at least 0.95, all thresholds considered; AUROC counts ties as halves;
    F1 is the largest 2 TP / (2 TP + FP + FN) of all thresholds.
    Integers until here, float64 from here on.

    Args:
        counts: Every valid pixel of the set.

    Returns:
        The metrics, as Python numbers.

    Source: scikit-learn 1.9 ``average_precision_score``, ``roc_auc_score``
        and ``roc_curve(drop_intermediate=False)``; differs: undefined values
        are NaN, scikit-learn has 0 for an AuPRC without positives.
    """
    # Copies, as NumPy adds up backwards at a fifth of its speed.
    positives, negatives = (x[::-1].copy()
                            for x in (counts.positives, counts.negatives))
    total = int(positives.sum()), int(negatives.sum())
    if 0 in total:
        undefined = dict.fromkeys(METRIC_NAMES, float('nan'))
        return RankingMetrics(undefined, undefined, *total, counts.level)
    merged = _merged_cells(counts)[::-1]
    best, f1, f1_bound = _best_f1(positives, negatives, merged)
    values = _in_percent(average_precision(positives, negatives),
                         fpr_at_recall(positives, negatives),
                         area_under_roc(positives, negatives), f1)
    cells = positives, negatives, merged
    bounds = _in_percent(_bound_of_precision(*cells), _bound_of_fpr(*cells),
                         _bound_of_area(*cells), f1_bound)
    threshold = float(score_below(counts.keys[::-1][best]))
    return RankingMetrics(values, bounds, *total, counts.level, threshold)


def _in_percent(*values: float) -> dict[str, float]:
    return {name: 100 * float(value)
            for name, value in zip(METRIC_NAMES, values, strict=True)}


def _merged_cells(counts: ScoreCounts) -> np.ndarray:
    """Whether a cell may hold pixels of different scores, (D,) bool."""
    if counts.level == 0:
        return np.zeros(counts.keys.size, bool)
    several = counts.positives + counts.negatives > 1
    return several & ~is_exact(counts.keys)


def average_precision(positives: np.ndarray,
                      negatives: np.ndarray) -> np.ndarray:
    """Return the sum of recall steps times precision of counts (..., D)."""
    tp, fp = positives.cumsum(axis=-1), negatives.cumsum(axis=-1)
    flagged = tp + fp
    precision = np.divide(tp, flagged, out=np.zeros(flagged.shape),
                          where=flagged > 0)
    steps = positives / tp[..., -1:]
    return np.sum(steps * precision, axis=-1)


def fpr_at_recall(positives: np.ndarray, negatives: np.ndarray) -> np.ndarray:
    """Return the false positive rate at recall 0.95 of counts (..., D)."""
    fp = negatives.cumsum(axis=-1)
    cell = _cell_of_recall(positives)[..., None]
    rates = np.take_along_axis(fp, cell, axis=-1) / fp[..., -1:]
    return rates[..., 0]


def area_under_roc(positives: np.ndarray,
                   negatives: np.ndarray) -> np.ndarray:
    """Return the area under the ROC curve of counts (..., D).

    A cell of p and n pixels adds p n / 2 as a tie.
    """
    tp = positives.cumsum(axis=-1)
    totals = tp[..., -1], negatives.sum(axis=-1)
    pairs = np.sum(negatives * (tp - positives / 2), axis=-1)
    return pairs / totals[0] / totals[1]


def _cell_of_recall(positives: np.ndarray) -> np.ndarray:
    tp = positives.cumsum(axis=-1)
    return np.argmax(tp / tp[..., -1:] >= RECALL, axis=-1)


def _bound_of_precision(positives: np.ndarray, negatives: np.ndarray,
                        merged: np.ndarray) -> float:
    """Return how far the average precision may be off.

    A cell adds p (T + p) / (T + p + F + n) as a tie. The best order, all of
    its positives tied above its negatives, adds p (T + p) / (T + p + F). In
    the worst order the positives come one by one below all negatives and
    add sum_{a=1..p} (T + a) / (T + a + F + n), which is at least
    p - (F + n) log(1 + p / (T + F + n)) as the logarithm bounds the sum of
    1 / (T + F + n + a) from above.
    """
    tp, fp = np.cumsum(positives), np.cumsum(negatives)
    total = float(tp[-1])
    cells = np.flatnonzero(merged & (positives > 0))
    p, n, tp, fp = (x[cells].astype(np.float64)
                    for x in (positives, negatives, tp, fp))
    tied = p * tp / (tp + fp)
    best = p * tp / (tp + fp - n)
    above = tp - p + fp  # T + F + n
    fraction = np.divide(p, above, out=np.zeros_like(p), where=above > 0)
    worst = p - fp * np.log1p(fraction)
    return max(np.sum(best - tied), np.sum(tied - worst)) / total


def _bound_of_fpr(positives: np.ndarray, negatives: np.ndarray,
                  merged: np.ndarray) -> float:
    """Return how far the false positive rate may be off.

    Whatever the order, the threshold falls into the same cell; in the best
    order the negatives of that cell stay below it.
    """
    cell = _cell_of_recall(positives)
    return merged[cell] * negatives[cell] / negatives.sum()


def _bound_of_area(positives: np.ndarray, negatives: np.ndarray,
                   merged: np.ndarray) -> float:
    """Return how far the area may be off: a cell adds 0 to p n."""
    shares = positives / positives.sum() * (negatives / negatives.sum())
    return np.sum(shares[merged]) / 2


def _best_f1(positives: np.ndarray, negatives: np.ndarray,
             merged: np.ndarray) -> tuple[int, float, float]:
    """Return the cell whose lower border has the best F1, F1 and its bound.

    With P positives in all, F1 is 2 TP / (P + TP + FP). No threshold inside
    a cell does better than all of its positives above all its negatives.
    """
    tp, fp = np.cumsum(positives), np.cumsum(negatives)
    total = float(tp[-1])
    values = 2 * tp / (total + tp + fp)
    cell = int(np.argmax(values))
    tp, fp = tp[merged], fp[merged] - negatives[merged]
    inside = 2 * tp / (total + tp + fp)
    value = float(values[cell])
    return cell, value, float(max(inside.max(initial=0.) - value, 0.))


def ranking_curves(counts: ScoreCounts,
                   num_points: int = NUM_POINTS) -> RankingCurves:
    """Compute the curves of a set of pixels.

    Args:
        counts: Every valid pixel of the set.
        num_points: See :func:`thin_curves`.

    Returns:
        Points at the borders of cells, which are exact also where scores
        were merged.

    Raises:
        ValueError: If ``num_points`` is below 2.
    """
    return thin_curves(
        score_below(counts.keys[::-1]),
        np.cumsum(counts.positives[::-1].copy()),
        np.cumsum(counts.negatives[::-1].copy()), num_points)


def thin_curves(thresholds: np.ndarray, tp: np.ndarray, fp: np.ndarray,
                num_points: int = NUM_POINTS) -> RankingCurves:
    """Keep the points between which the curves move by equal lengths.

    With V the variation of recall, precision and false positive rate added
    up, every dropped point is within ``V / (num_points - 1)`` of a kept one
    in all three. V is 2 plus the ups and downs of the precision.

    Args:
        thresholds: (D,) falling.
        tp: (D,) TP at each threshold; the last counts every positive.
        fp: (D,) FP at each threshold; the last counts every negative.
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
    if tp.size == 0 or 0 in (tp[-1], fp[-1]):
        return RankingCurves(*(np.zeros(0) for _ in range(4)))
    points = np.stack(
        [tp / tp[-1], tp / np.maximum(tp + fp, 1),
         fp / fp[-1]])
    if tp.size > num_points:
        steps = np.abs(np.diff(points, axis=1, prepend=points[:, :1]))
        way = np.cumsum(steps.sum(axis=0))
        kept = np.unique(np.searchsorted(
            way, np.linspace(0, way[-1], num_points)))
        kept[-1] = tp.size - 1  # not the first of those that repeat it
        thresholds, points = thresholds[kept], points[:, kept]
    return RankingCurves(thresholds.astype(np.float64), *points)
