"""Component metrics of SegmentMeIfYouCan: sIoU, PPV and F1 of whole objects.

A component is a set of 8-connected pixels. Intersections come from one pass
over the pixels that truth and prediction share; no component gets a mask of
its own.

Letters: H, W the image; G components of the truth, N of the prediction, M
pairs of them that share pixels; T = 11 thresholds; S bins of sizes.

Source: Chan et al., SegmentMeIfYouCan, arXiv 2104.14812, section 4, as
computed by SegmentMeIfYouCan/road-anomaly-benchmark@1c7804e
``metrics/instance_segmentation.py``; differs: NaN where that code divides by
zero (no component of a kind at all).
"""
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from .pixels.score_histogram import IGNORE_LABEL

THRESHOLDS = np.linspace(.25, .75, 11)


class MinSizes(NamedTuple):
    """Pixels below which a component does not count."""

    predicted: int
    truth: int


TRACKS = {'anomaly': MinSizes(500, 100), 'obstacle': MinSizes(50, 10)}


@dataclass(frozen=True)
class ComponentMatches:
    """How well the components of one image match, in no order.

    Attributes:
        siou: (G,) float64 in [0, 1] of each true component k:
            ``|k and P| / (|k| + |P outside the truth|)`` with P all predicted
            components that touch k.
        size: (G,) int64, its pixels.
        ppv: (N,) float64 in [0, 1] of each predicted component: the part of
            it that lies in true components.
        predicted_siou: (N,) float64 in [0, 1], ``siou`` with the roles of
            truth and prediction swapped.
        predicted_size: (N,) int64, its valid pixels.
    """

    siou: np.ndarray
    size: np.ndarray
    ppv: np.ndarray
    predicted_siou: np.ndarray
    predicted_size: np.ndarray


def match_components(predicted: np.ndarray, label: np.ndarray,
                     min_sizes: MinSizes) -> ComponentMatches:
    """Match the components of a predicted mask with those of a label.

    Void is cut out of the prediction before it falls into components.
    Predicted components below their least size are dropped. True ones below
    theirs become void, and are cut out of what was predicted, which is not
    divided or dropped again. The rest of the image is taken for a true
    component there: should it be below that size, it becomes void, too.

    Args:
        predicted: (H, W) bool.
        label: (H, W) uint8 of 0 (in-distribution), 1 (anomaly), 255 (void).
        min_sizes: Least sizes of the track, see ``TRACKS``.

    Returns:
        The matches.

    Raises:
        ValueError: If the shapes differ.
    """
    if predicted.shape != label.shape:
        raise ValueError('`predicted` and `label` must have one shape, got '
                         f'{predicted.shape} and {label.shape}')
    predicted, predicted_sizes = _components(
        predicted & (label != IGNORE_LABEL))
    true, true_sizes = _components(label == 1)
    dropped = predicted_sizes < min_sizes.predicted
    dropped[0] = True
    void = true_sizes < min_sizes.truth
    # Few pixels are in both, so that indices beat arithmetic on whole images.
    pixels = np.flatnonzero(predicted)
    predicted = predicted.reshape(-1)[pixels]
    true = true.reshape(-1)[pixels]
    counts = ~dropped[predicted] & ~void[true]
    predicted, true = predicted[counts], true[counts]
    sizes = np.bincount(predicted, minlength=predicted_sizes.size)
    void[0] = True
    return _matches(true, predicted, np.where(void, 0, true_sizes), sizes)


def _components(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return labels (H, W) int32, 0 outside, and sizes of 0 and all others.

    OpenCV numbers components in the order of its passes over the image.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        mask.view(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    return labels, stats[:count, cv2.CC_STAT_AREA].astype(np.int64)


def _matches(true: np.ndarray, predicted: np.ndarray, true_sizes: np.ndarray,
             predicted_sizes: np.ndarray) -> ComponentMatches:
    """Compute the ratios; components of size 0 do not count.

    Args:
        true: (P,) the true component of each valid predicted pixel, or 0.
        predicted: (P,) the predicted component of each.
        true_sizes: (G + 1,) or more, indexed by ``true``.
        predicted_sizes: (N + 1,) or more, indexed by ``predicted``.
    """
    shared = true > 0
    count = predicted_sizes.size
    pairs, areas = np.unique(
        true[shared].astype(np.int64) * count + predicted[shared],
        return_counts=True)
    rows, columns = np.divmod(pairs, count)  # (M,) each
    true_shared = np.bincount(rows, areas, true_sizes.size)
    predicted_shared = np.bincount(columns, areas, count)
    siou = _siou(true_shared, true_sizes, rows,
                 predicted_sizes - predicted_shared, columns)
    predicted_siou = _siou(predicted_shared, predicted_sizes, columns,
                           true_sizes - true_shared, rows)
    is_true, is_predicted = true_sizes > 0, predicted_sizes > 0
    return ComponentMatches(
        siou, true_sizes[is_true],
        predicted_shared[is_predicted] / predicted_sizes[is_predicted],
        predicted_siou, predicted_sizes[is_predicted])


def _siou(shared: np.ndarray, sizes: np.ndarray, own: np.ndarray,
          rest: np.ndarray, partners: np.ndarray) -> np.ndarray:
    """Return the sIoU of each component of one kind.

    The union of k and its partners P without the pixels of P in other
    components than k is k and the pixels of P in no component.

    Args:
        shared: Pixels of each component that are in any of the other kind.
        sizes: Pixels of each component; 0 where it does not count.
        own: (M,) the component of each pair.
        rest: Pixels of each component of the other kind that none shares.
        partners: (M,) the component of the other kind of each pair.
    """
    counts = sizes > 0
    outside = np.bincount(own, rest[partners], sizes.size)
    return shared[counts] / (sizes + outside)[counts]


@dataclass(frozen=True)
class ComponentMetrics:
    """Component metrics of a set; NaN where there is no component to rate.

    Attributes:
        siou: Mean over the true components of all images, in [0, 1].
        ppv: Mean over the predicted components, in [0, 1].
        f1: Mean of ``f1_at``, in [0, 1].
        num_truth: True components.
        num_predicted: Predicted components.
        f1_at: (T,) ``2 TP / (2 TP + FN + FP)`` at each of ``THRESHOLDS``.
        true_positives: (T,) int64, true components with sIoU >= threshold.
        false_negatives: (T,) int64, the other true components.
        false_positives: (T,) int64, predicted ones with PPV < threshold.
        num_by_size: (S,) int64, true components in each bin of sizes.
        recall_by_size: (S,) share of them with sIoU >= 0.25, in [0, 1].
    """

    siou: float
    ppv: float
    f1: float
    num_truth: int
    num_predicted: int
    f1_at: np.ndarray
    true_positives: np.ndarray
    false_negatives: np.ndarray
    false_positives: np.ndarray
    num_by_size: np.ndarray
    recall_by_size: np.ndarray


class ComponentSums(NamedTuple):
    """What one image adds to the metrics of a set.

    Attributes:
        siou: Sum over its true components.
        ppv: Sum over its predicted components.
        num_truth: True components.
        num_predicted: Predicted components.
        true_positives: (T,) int64.
        false_positives: (T,) int64.
        num_by_size: (S,) int64, true components in each bin of sizes.
        found_by_size: (S,) int64, those with sIoU >= 0.25.
    """

    siou: float
    ppv: float
    num_truth: int
    num_predicted: int
    true_positives: np.ndarray
    false_positives: np.ndarray
    num_by_size: np.ndarray
    found_by_size: np.ndarray


def sum_components(matches: ComponentMatches,
                   size_bins: Sequence[int] = ()) -> ComponentSums:
    """Add up an image; sums are rounded once, hence free of any order.

    Args:
        matches: Of the image.
        size_bins: Rising numbers of pixels, at each of which a new bin of
            true components begins; S is one more than there are.
    """
    bins = np.digitize(matches.size, size_bins)
    num_by_size, found_by_size = (
        np.bincount(some, minlength=len(size_bins) + 1)
        for some in (bins, bins[matches.siou >= THRESHOLDS[0]]))
    return ComponentSums(
        math.fsum(matches.siou), math.fsum(matches.ppv), matches.siou.size,
        matches.ppv.size, _reached(matches.siou),
        matches.ppv.size - _reached(matches.ppv), num_by_size, found_by_size)


def _reached(ratios: np.ndarray) -> np.ndarray:
    return np.count_nonzero(ratios[:, None] >= THRESHOLDS, axis=0)


def component_metrics(sums: Sequence[ComponentSums]) -> ComponentMetrics:
    """Compute the metrics of a set from those of its images, in any order."""
    num_truth = sum(part.num_truth for part in sums)
    num_predicted = sum(part.num_predicted for part in sums)
    nothing = np.zeros(THRESHOLDS.size, np.int64)
    tp = sum((part.true_positives for part in sums), nothing)
    fp = sum((part.false_positives for part in sums), nothing)
    fn = num_truth - tp
    rated = 2 * tp + fn + fp
    f1_at = _ratio(2 * tp, rated)
    none = np.zeros(1, np.int64)
    num_by_size = sum((part.num_by_size for part in sums), none)
    found_by_size = sum((part.found_by_size for part in sums), none)
    return ComponentMetrics(
        _mean(math.fsum(part.siou for part in sums), num_truth),
        _mean(math.fsum(part.ppv for part in sums), num_predicted),
        float(f1_at.mean()), num_truth, num_predicted, f1_at, tp, fn, fp,
        num_by_size, _ratio(found_by_size, num_by_size))


def _ratio(counts: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """Divide; NaN where there is nothing to count."""
    ratio = np.full(totals.size, math.nan)
    return np.divide(counts, totals, out=ratio, where=totals > 0)


def _mean(total: float, count: int) -> float:
    return total / count if count else math.nan
