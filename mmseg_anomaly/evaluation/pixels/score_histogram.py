"""Count labelled scores exactly, in constant memory, in any order.

A set of images has billions of scored pixels but far fewer distinct float32
scores, and ranking metrics need no more than the two counts of each distinct
score. :class:`ScoreHistogram` keeps those counts. When the distinct scores
exceed a limit, neighbouring scores are merged into the cells of
``float_keys``, by the smallest level that suffices.

Why nothing but the multiset of (score, label) matters: cells of a higher
level are unions of cells of a lower one, so the number of occupied cells
never rises with the level and never falls when pixels are added. A level is
left only when the pixels seen so far occupy more cells than allowed, hence
all pixels do too; the last level is therefore the smallest one that fits the
whole set, in whatever order, batches or processes the pixels came.

Letters: P pixels, D distinct scores or cells.
"""
from dataclasses import dataclass

import numpy as np

from ...checks import check_integer
from .fast_counter import CellCounter
from .float_keys import cell_keys, score_keys, sufficient_level

IGNORE_LABEL = 255  # labels.IGNORE_INDEX, whose module imports torch
MAX_DISTINCT = 5 << 17

_EXCESS = 1 << 16  # cells above the limit before it is enforced
_CHUNK = 1 << 15  # pixels in flight; their scratch arrays stay in the cache
_SAMPLE = 1 << 20  # pixels that choose the first level
_STRIDE = 4  # of them every fourth is looked at first


@dataclass(frozen=True)
class ScoreCounts:
    """Pixels of each distinct score, or of each cell of merged scores.

    Attributes:
        keys: (D,) uint32, strictly rising, see ``float_keys``.
        negatives: (D,) int64, in-distribution pixels.
        positives: (D,) int64, anomalous pixels.
        level: Low bits dropped; 0 means that every score is kept apart.
    """

    keys: np.ndarray
    negatives: np.ndarray
    positives: np.ndarray
    level: int = 0


_NO_COUNTS = ScoreCounts(np.zeros(0, np.uint32), np.zeros(0, np.int64),
                         np.zeros(0, np.int64))


class ScoreHistogram:
    """Counts of distinct scores in 38 MB, whatever their number.

    Raising the level and giving the counts out takes up to 25 MB more for a
    moment.

    Args:
        max_distinct: Most cells before the level rises, up to 655360. A
            smaller limit saves no memory; it is there to try the coarsening.
            Where even level 15 has more cells, level 15 stays.
    """

    def __init__(self, max_distinct: int = MAX_DISTINCT) -> None:
        check_integer('max_distinct', max_distinct, low=1, high=MAX_DISTINCT)
        self.max_distinct = max_distinct
        self._merged = _NO_COUNTS
        self._counter: CellCounter | None = None

    def update(self,
               scores: np.ndarray,
               labels: np.ndarray,
               source: str = 'the scores') -> None:
        """Count the pixels of an image, or of any part of one.

        Args:
            scores: Any shape, float32; larger = more anomalous. Infinities
                are ranked; NaN is allowed on void pixels only.
            labels: The same shape, integers: 0 in-distribution, 1 anomaly,
                255 void.
            source: What error messages call the scores, e.g. the image file.

        Raises:
            TypeError: If the scores are not float32.
            ValueError: If the shapes differ, a score is NaN or a label is
                none of the three; nothing of the failing part is counted.
        """
        if scores.dtype != np.float32:
            raise TypeError(f'scores of {source} must be float32, got '
                            f'{scores.dtype}; a conversion would merge or '
                            'invent distinct scores')
        if scores.shape != labels.shape:
            raise ValueError(f'scores and labels of {source} must have one '
                             f'shape, got {scores.shape} and {labels.shape}')
        scores, labels = scores.reshape(-1), labels.reshape(-1)
        for start in range(0, scores.size, _CHUNK):
            part = slice(start, start + _CHUNK)
            valid = _valid_pixels(scores[part], labels[part], source)
            if self._counter is None:
                rest = slice(start, start + _SAMPLE)
                self._start(*_valid_pixels(scores[rest], labels[rest],
                                           source))
            self._counter.count_pixels(*valid)
            if self._counter.is_full():
                self._merge_counter()
        if (self._counter is not None and
                self._counter.count_cells() > self.max_distinct + _EXCESS):
            self._merge_counter()

    def merge(self, other: ScoreCounts) -> None:
        """Add the counts of another part of the set, of any level."""
        self._merged = merge_counts([self._merged, other],
                                    self.max_distinct)

    def to_counts(self) -> ScoreCounts:
        """Return what was counted; the histogram can go on."""
        self._merge_counter()
        return self._merged

    def _start(self, scores: np.ndarray, anomalous: np.ndarray) -> None:
        """Start to count, at the level that a first part asks for anyway."""
        level, keys = self._merged.level, self._merged.keys
        if not keys.size:
            level, keys = _level_of_sample(score_keys(scores),
                                           self.max_distinct)
        self._counter = CellCounter(level, keys)

    def _merge_counter(self) -> None:
        """Enforce the limit and make room."""
        if self._counter is not None:
            level = self._counter.level
            parts = [self._merged, *(ScoreCounts(*cells, level)
                     for cells in self._counter.counted_cells())]
            self._merged, self._counter = _NO_COUNTS, None  # free them
            self._merged = merge_counts(parts, self.max_distinct)


def _level_of_sample(keys: np.ndarray,
                     max_distinct: int) -> tuple[int, np.ndarray]:
    """Return a level that suffices for a sample, and some keys, sorted.

    The level is 0 without a look at all keys where a few of them repeat so
    often that all will hardly exceed the limit; it is never too high.
    """
    few = np.sort(keys[::_STRIDE])
    if _STRIDE * _first_places(few).size <= max_distinct:
        return 0, few
    keys.sort()
    return sufficient_level(keys, max_distinct), keys


def merge_counts(parts: list[ScoreCounts], max_distinct: int) -> ScoreCounts:
    """Add counts up, at the smallest level that suffices.

    Args:
        parts: Any levels, keys in any order and repeated; the list
            is emptied, to free them early.
        max_distinct: Most cells, unless the level is 15.

    Returns:
        The sum; its level is at least that of every part.
    """
    level = max(part.level for part in parts)
    keys = np.concatenate([cell_keys(part.keys, level) for part in parts])
    counts = [np.concatenate([part.negatives for part in parts]),
              np.concatenate([part.positives for part in parts])]
    parts.clear()
    order = np.argsort(keys, kind='stable')  # fast where parts have order
    keys = keys[order]
    level = sufficient_level(keys, max_distinct, level)
    keys = cell_keys(keys, level)
    firsts = _first_places(keys)
    keys = keys[firsts]
    for index in (0, 1):
        counts[index] = np.add.reduceat(counts[index][order], firsts,
                                        dtype=np.int64)
    return ScoreCounts(keys, *counts, level)


def _first_places(keys: np.ndarray) -> np.ndarray:
    """Return where runs of equal keys start."""
    is_first = np.ones(keys.size, bool)
    np.not_equal(keys[1:], keys[:-1], out=is_first[1:])
    return np.flatnonzero(is_first)


def _valid_pixels(scores: np.ndarray, labels: np.ndarray,
                  source: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the scores that are not void, and which are anomalous."""
    anomalous = labels == 1
    # Whether there are only zeros and ones.
    is_plain = np.count_nonzero(labels) == np.count_nonzero(anomalous)
    if not is_plain:
        valid = labels != IGNORE_LABEL
        scores, labels = scores[valid], labels[valid]
        anomalous = anomalous[valid]
    refuse_nan(scores, source)
    if not is_plain and (labels != anomalous).any():
        raise ValueError(f'anomaly labels of {source} must be 0, 1 or '
                         f'{IGNORE_LABEL}, got {np.unique(labels).tolist()}; '
                         'split stored labels with labels.split_outliers')
    return scores, anomalous


def refuse_nan(scores: np.ndarray, source: str) -> None:
    """Raise a ValueError that names the source if a valid score is NaN.

    Args:
        scores: Any shape, of valid pixels; infinities are scores.
        source: What the error calls them, e.g. the image file.
    """
    if np.isnan(scores.max(initial=0)):
        raise ValueError(f'NaN among the anomaly scores of {source}; a score '
                         'must be a number or infinite, check the model and '
                         'its weights')
