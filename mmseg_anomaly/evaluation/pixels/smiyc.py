"""Pixel metrics with the bins of the SegmentMeIfYouCan code.

That code counts the pixels of each frame in 768 bins whose edges follow the
scores of the frame, puts the bins of all frames in one order and ranks them
as if they were scores. The bins of different frames overlap, which makes the
numbers differ from the exact ones by about 0.1 points; this module repeats
it where a number has to be the one that code prints.

Letters: P pixels, E edges and bins of one frame, D bins of all frames.

Source: SegmentMeIfYouCan/road-anomaly-benchmark@1c7804e
``metrics/pixel_classification.py`` (its ``PixBinaryClass``) and
``metrics/pixel_classification_curves.py``; differs: frames are first put in
the order of their names. A frame without a valid pixel counts nothing, there
it is an error. Without any positive all numbers are NaN, there FPR95 and F1
are 0; without any negative they are NaN, there AuPRC and F1 are 1. Where
frames share their top score, the number of that code depends on the order in
which its sort leaves ties, hence on NumPy and the processor; so does ours.
"""
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .ranking import (
    METRIC_NAMES,
    RECALL,
    RankingCurves,
    RankingMetrics,
    thin_curves,
)
from .score_histogram import IGNORE_LABEL, refuse_nan

NUM_BINS = 768

NamedBins = tuple[str, 'FrameBins']


class FrameBins(NamedTuple):
    """Pixels of one frame in its own bins, in falling order of the score.

    At most 769 bins of 16 bytes: memory grows by 12 KB with each frame.

    Attributes:
        thresholds: (E,) float64, the lower edge of each bin.
        positives: (E,) uint32, anomalous pixels.
        negatives: (E,) uint32, in-distribution pixels.
    """

    thresholds: np.ndarray
    positives: np.ndarray
    negatives: np.ndarray


def bin_frame(scores: np.ndarray, labels: np.ndarray) -> FrameBins | None:
    """Count the pixels of one frame.

    Edges are the 384 quantiles of the scores of the anomalous pixels and of
    the others, or fewer where there are fewer pixels, and one beyond either
    end.

    Args:
        scores: (P,) float32 or float16, without NaN, of the valid pixels.
        labels: (P,) integers 0 or 1.

    Returns:
        The bins; None for a frame without a valid pixel.
    """
    if scores.size == 0:
        return None
    kinds = scores[labels == 1], scores[labels == 0]
    low, high = float(scores.min()), float(scores.max())
    margin = max(.01 * (high - low), .01)
    with np.errstate(over='ignore', invalid='ignore'):  # infinite scores
        quantiles = [
            np.quantile(kind, np.linspace(0, 1, min(NUM_BINS // 2, kind.size)))
            for kind in kinds if kind.size
        ]
    edges = [[low - margin, high + margin], *quantiles]
    edges = np.unique(np.concatenate(edges))
    counts = (np.histogram(kind, bins=edges)[0] for kind in kinds)
    positives, negatives = (x[::-1].astype(np.uint32) for x in counts)
    return FrameBins(edges[-2::-1], positives, negatives)


class SmiycPixels:
    """Metrics of a growing set; each image adds 12 KB to the memory.

    Args:
        float16: Round scores to float16 first, as the files do that the
            code reads.
    """

    def __init__(self, float16: bool) -> None:
        self._float16 = float16
        self._frames: list[NamedBins] = []

    def count_image(self, name: str, scores: np.ndarray,
                    labels: np.ndarray) -> None:
        """Count an image.

        Args:
            name: Image name; frames are ranked in the order of names.
            scores: Any shape, float32.
            labels: The same shape, 0, 1 or 255 (void).

        Raises:
            ValueError: If a valid score is NaN.
        """
        valid = labels != IGNORE_LABEL
        scores, labels = scores[valid], labels[valid]
        refuse_nan(scores, name)
        if self._float16:
            with np.errstate(over='ignore'):  # to infinity, as there
                scores = scores.astype(np.float16)
        bins = bin_frame(scores, labels)
        if bins is not None:
            self._frames.append((name, bins))

    def part(self) -> list[NamedBins]:
        """Return what :meth:`merge_part` of another process takes."""
        return self._frames

    def merge_part(self, part: list[NamedBins]) -> None:
        """Add what another process counted."""
        self._frames.extend(part)

    def rank(self) -> tuple[RankingMetrics, RankingCurves]:
        """Return metrics and curves."""
        return rank_smiyc(self._frames)


def rank_smiyc(
        frames: Sequence[NamedBins]) -> tuple[RankingMetrics, RankingCurves]:
    """Compute the metrics of a set of frames.

    Args:
        frames: Names and bins; their order does not matter.

    Returns:
        The metrics, in percent, with NaN for bounds as none are known, and
        the curves. ``threshold`` is a bin's lower edge: that code flags
        pixels whose score is above it.
    """
    parts = [bins for _, bins in sorted(
        frames, key=lambda frame: (frame[0], frame[1].thresholds.tobytes()))]
    thresholds, positives, negatives = (
        np.concatenate([np.zeros(0), *column])
        for column in zip(*parts, strict=True)) if parts else [np.zeros(0)] * 3
    total = int(positives.sum()), int(negatives.sum())
    unknown = dict.fromkeys(METRIC_NAMES, float('nan'))
    if 0 in total:
        return (RankingMetrics(unknown, unknown, *total, 0),
                RankingCurves(*(np.zeros(0) for _ in range(4))))
    order = np.argsort(thresholds)[::-1]  # not stable, as there
    thresholds = thresholds[order]
    tp, fp = (np.cumsum(x[order]) for x in (positives, negatives))
    points = _collapse(thresholds, tp, fp)
    values, threshold = _values(*points)
    return (RankingMetrics(values, unknown, *total, 0, threshold),
            thin_curves(*points))


def _collapse(thresholds: np.ndarray, tp: np.ndarray,
              fp: np.ndarray) -> tuple[np.ndarray, ...]:
    """Keep the last of the bins with one threshold, and the very first one.

    The first one is kept although others may share its threshold: with a
    top score that several frames share, half a tie becomes a point of its
    own. The curve starts at (0, 0).
    """
    last = np.flatnonzero(thresholds[:-1] != thresholds[1:])
    kept = np.unique(np.concatenate([[0], last, [thresholds.size - 1]]))
    thresholds, tp, fp = (x[kept] for x in (thresholds, tp, fp))
    if tp[0] or fp[0]:
        thresholds = np.append(thresholds[0] + 1, thresholds)
        tp, fp = np.append(0, tp), np.append(0, fp)
    return thresholds, tp, fp


def _values(thresholds: np.ndarray, tp: np.ndarray,
            fp: np.ndarray) -> tuple[dict[str, float], float]:
    """Return the metrics in percent and the threshold of the best F1."""
    recall, fpr = tp / tp[-1], fp / fp[-1]
    flagged = tp + fp
    precision = np.divide(tp, flagged, out=np.ones(tp.size),
                          where=flagged > 0)
    f1 = 2 * tp / (flagged + tp[-1])
    best = int(np.argmax(f1))
    results = (np.sum(np.diff(recall) * precision[1:]),
               fpr[np.searchsorted(recall, RECALL)],
               np.sum(np.diff(fpr) * (recall[1:] + recall[:-1]) / 2), f1[best])
    values = {name: 100 * float(value)
              for name, value in zip(METRIC_NAMES, results, strict=True)}
    return values, float(thresholds[best])
