"""Count labelled scores exactly, in constant memory, in any order.

A set of images has billions of scored pixels but far fewer distinct float32
scores, and ranking metrics need no more than the two counts of each distinct
score. :class:`ScoreHistogram` keeps those counts. When the distinct scores
exceed a limit, neighbouring scores are merged into the cells of
``score_cells``, by the smallest level that suffices.

Why nothing but the multiset of (score, label) matters: cells of a higher
level are unions of cells of a lower one, so the number of occupied cells
never rises with the level and never falls when pixels are added. A level is
left only when the pixels seen so far occupy more cells than allowed, hence
all pixels do too; the last level is therefore the smallest one that fits the
whole set, in whatever order, batches or ranks the pixels came.

Letters: P pixels, D distinct scores or cells.
"""
from dataclasses import dataclass

import numpy as np

from .cell_table import CellTable, PageCache
from .score_cells import (
    MAX_LEVEL,
    decode,
    encode,
    num_codes,
    score_keys,
    sufficient_level,
)

IGNORE_LABEL = 255
MAX_DISTINCT = 5 << 17

_SLACK = 1 << 17  # cells above the limit before it is enforced
_CHUNK = 1 << 16  # pixels in flight; their scratch arrays stay in the cache
_FLUSH_PIXELS = 1 << 31  # before a count of a page could overflow


@dataclass(frozen=True)
class ScoreCounts:
    """Pixels of each distinct score, or of each cell of merged scores.

    Attributes:
        keys: (D,) uint32, strictly rising, see ``score_cells``.
        negatives: (D,) int64, in-distribution pixels.
        positives: (D,) int64, anomalous pixels.
        level: Low bits dropped; 0 means that every score is kept apart.
    """

    keys: np.ndarray
    negatives: np.ndarray
    positives: np.ndarray
    level: int = 0


class ScoreHistogram:
    """Counts of distinct scores in 30 MB (38 MB beyond 2**32 pixels).

    Raising the level takes 25 MB more for a moment; neither grows with the
    number of images or their size.

    Args:
        max_distinct: Most cells before the level rises, up to 655360. A
            smaller limit saves no memory; it is there to try the coarsening.
            Where even level 15 has more cells, level 15 stays.
    """

    def __init__(self, max_distinct: int = MAX_DISTINCT) -> None:
        if not 0 < max_distinct <= MAX_DISTINCT:
            raise ValueError('`max_distinct` must lie in '
                             f'[1, {MAX_DISTINCT}], got {max_distinct}')
        self.max_distinct = max_distinct
        self.level = 0
        self._num_pixels = 0
        self._paged_pixels = 0
        self._table = CellTable(np.uint32)
        self._pages: PageCache | None = None

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
            self._count_pixels(*_valid_pixels(scores[part], labels[part],
                                              source))

    def merge(self, other: ScoreCounts) -> None:
        """Add the counts of another part of the set, of any level."""
        if self.level < other.level:
            self._flush_pages()
            self._raise_level(max(self.level, other.level))
        self._expect(int(other.negatives.sum() + other.positives.sum()))
        counts = np.stack([other.negatives, other.positives], axis=1)
        self._add_cells(other.keys, counts)

    def to_counts(self) -> ScoreCounts:
        """Return what was counted; the histogram can go on."""
        self._fit()
        slots = np.flatnonzero(self._table.codes)
        keys = decode(self._table.codes[slots], self.level)
        slots = slots[np.argsort(keys)]
        keys.sort()
        negatives, positives = (
            self._table.counts[slots, label].astype(np.int64)
            for label in (0, 1))
        return ScoreCounts(keys, negatives, positives, self.level)

    def _expect(self, num_pixels: int) -> None:
        """Make sure that no count overflows with so many pixels more."""
        self._num_pixels += num_pixels
        table = self._table
        if self._num_pixels >= 1 << 32 and table.counts.dtype == np.uint32:
            table.counts = table.counts.astype(np.uint64)

    def _count_pixels(self, scores: np.ndarray, labels: np.ndarray) -> None:
        self._expect(scores.size)
        self._make_room()
        if self._pages is None:
            self._pages = PageCache(num_codes(self.level))
        codes = encode(score_keys(scores), self.level)
        labels = labels.astype(np.int32)
        self._paged_pixels += scores.size
        beside = self._pages.add(codes, labels)
        if beside.size:
            self._table.add(codes[beside], labels[beside])

    def _add_cells(self, keys: np.ndarray, counts: np.ndarray) -> None:
        for start in range(0, keys.size, _CHUNK):
            part = slice(start, start + _CHUNK)
            self._make_room()
            self._table.add_counts(encode(keys[part], self.level),
                                   counts[part])

    def _make_room(self) -> None:
        """Enforce the limit well before the table or a count is full."""
        full = self._table.most_cells > self.max_distinct + _SLACK
        if full or self._paged_pixels >= _FLUSH_PIXELS:
            self._fit()

    def _fit(self) -> None:
        """Raise the level to the smallest one within the limit."""
        self._flush_pages()
        num_cells = np.count_nonzero(self._table.codes)
        self._table.most_cells = num_cells
        if num_cells > self.max_distinct and self.level < MAX_LEVEL:
            self._raise_level(self._sufficient_level())

    def _sufficient_level(self) -> int:
        keys = decode(self._table.codes[self._table.codes != 0], self.level)
        keys.sort()
        return sufficient_level(keys, self.max_distinct)

    def _flush_pages(self) -> None:
        if self._paged_pixels:
            pages, self._pages, level = self._pages, None, self.level
            self._paged_pixels = 0
            for codes, counts in pages.drain():
                self._add_cells(decode(codes, level), counts)
            if self.level == level:
                self._pages = pages

    def _raise_level(self, level: int) -> None:
        """Rebuild the table at a higher level; the pages must be empty."""
        codes, counts = self._table.occupied()
        keys = decode(codes, self.level)
        count_type = counts.dtype.type
        self.level = level
        self._pages = None
        del self._table  # before its successor takes memory
        self._table = CellTable(count_type)
        self._add_cells(keys, counts)


def _valid_pixels(scores: np.ndarray, labels: np.ndarray,
                  source: str) -> tuple[np.ndarray, np.ndarray]:
    """Drop void pixels and check the others."""
    valid = labels != IGNORE_LABEL
    if not valid.all():
        scores, labels = scores[valid], labels[valid]
    if np.isnan(scores).any():
        raise ValueError(f'NaN among the anomaly scores of {source}; a score '
                         'must be a number or infinite, check the model and '
                         'its weights')
    if labels.size and (labels.max() > 1 or labels.min() < 0):
        raise ValueError(f'anomaly labels of {source} must be 0, 1 or '
                         f'{IGNORE_LABEL}, got {np.unique(labels).tolist()}; '
                         'split stored labels with labels.split_outliers')
    return scores, labels
