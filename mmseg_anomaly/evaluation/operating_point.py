"""Choose the score threshold above which pixels are flagged."""
import math
from dataclasses import dataclass

import numpy as np

from ..checks import check_number
from .pixels.float_keys import score_below, score_of
from .pixels.score_histogram import ScoreCounts

_KEY_OF_INFINITY = (1 << 32) - (1 << 23)


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold and what it does to the set it was chosen on.

    Attributes:
        threshold: Scores above it are flagged; a float32 number.
        fpr: Flagged share of the in-distribution pixels, NaN without any.
        tpr: Flagged share of the anomalous pixels, NaN without any.
        num_positives: Anomalous pixels.
        num_negatives: In-distribution pixels.
    """

    threshold: float
    fpr: float
    tpr: float
    num_positives: int
    num_negatives: int


def check_target(fpr: float | None, tpr: float | None) -> None:
    """Check that there is one target and that it is a rate.

    Raises:
        ValueError: If there is none, if there are two, or if it is out of
            range.
    """
    if (fpr is None) == (tpr is None):
        raise ValueError('give either `fpr` or `tpr`, got '
                         f'fpr={fpr} and tpr={tpr}')
    check_number('fpr', fpr, low=0, high=1, optional=True)
    check_number('tpr', tpr, above=0, high=1, optional=True)


def choose_threshold(counts: ScoreCounts,
                     *,
                     fpr: float | None = None,
                     tpr: float | None = None) -> OperatingPoint:
    """Choose the threshold that keeps to a target and costs least.

    For a false positive rate it is the lowest threshold that does not exceed
    the target, for a true positive rate the highest that reaches it. It lies
    directly below the lowest score it flags, so cells of merged scores are
    flagged as a whole.

    Args:
        counts: Every valid pixel; for ``fpr`` anomalies may be missing.
        fpr: Target in [0, 1].
        tpr: Target in (0, 1].

    Returns:
        The threshold and both rates as reached.

    Raises:
        ValueError: If not exactly one target is given, it is out of range,
            or the set has no pixel of the kind it speaks about.
    """
    check_target(fpr, tpr)
    # flagged when the lowest flagged key is keys[i]; the last flags nothing
    tp, fp = (np.append(np.cumsum(pixels[::-1])[::-1], 0)
              for pixels in (counts.positives, counts.negatives))
    if tpr is None:
        first = int(np.argmax(
            _rates(fp, 'fpr', 'in-distribution pixel') <= fpr))
    else:
        first = int(np.flatnonzero(
            _rates(tp, 'tpr', 'anomaly') >= tpr)[-1])
    return OperatingPoint(
        _threshold_below(counts, first), _share(fp, first),
        _share(tp, first), int(tp[0]), int(fp[0]))


def _rates(flagged: np.ndarray, kind: str, pixel: str) -> np.ndarray:
    if flagged[0] == 0:
        raise ValueError(f'a target `{kind}` needs a set with at least one '
                         f'{pixel}; choose another set or target')
    return flagged / flagged[0]


def _share(flagged: np.ndarray, first: int) -> float:
    return float(flagged[first] / flagged[0]) if flagged[0] else math.nan


def _threshold_below(counts: ScoreCounts, first: int) -> float:
    """Return the largest score that is below the lowest flagged one."""
    if first < counts.keys.size:
        return float(score_below(counts.keys[first]))
    # nothing is flagged; a cell has at most 2**level keys
    highest = int(counts.keys[-1]) + (1 << counts.level) - 1
    key = np.array([min(highest, _KEY_OF_INFINITY)], np.uint32)
    return float(score_of(key)[0])
