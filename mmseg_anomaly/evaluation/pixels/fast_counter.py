"""The counter behind ``ScoreHistogram``, made for speed.

``CellCounter`` is its only door. A page is a range of keys of one size, cut
into cells of one width: a look-up of the page and an addition count a pixel,
whatever its neighbours. The most crowded ranges get pages, all other cells
share a hash table. A sort, a run-length count and a merge give the same
counts in 2.5 to 3.8 times the time.

Cells are named by their smallest key, uint32 and never 0, see ``float_keys``.
Letters: P pixels, D distinct cells, G pages.
"""
from typing import NamedTuple

import numpy as np

from .float_keys import BLOCK_BITS, cell_keys, dropped_bits, score_keys

NUM_PLACES = 1 << 20
NUM_SLOTS = 1 << 20

_SLOT_BITS = 20
_MIX = np.uint32(0x9E3779B1)  # 2**32 over the golden ratio
_MOST_CELLS = NUM_SLOTS // 4 * 3  # of the table, before it grows slow
_MAX_PIXELS = 1 << 31  # before a count could overflow
_CHUNK = 1 << 15  # pixels without a page that are counted at a time
_NO_PAGE = np.int32(15)  # all offsets fall on place 0
_NOTHING = np.zeros(0, np.intp)
_PAYING_CELLS = 64 * NUM_PLACES
"""A page pays if its share of pixels is that of its cells among so many."""


class CountedCells(NamedTuple):
    """Cells in any order, and their pixels."""

    keys: np.ndarray
    """(D,) uint32."""
    negatives: np.ndarray
    """(D,) uint32."""
    positives: np.ndarray
    """(D,) uint32."""


class CellCounter:
    """Counts of the cells of one level, of at most 2**31 pixels.

    Args:
        level: See ``float_keys``.
        keys: (D,) uint32, never falling, as they are to be expected.
    """

    def __init__(self, level: int, keys: np.ndarray) -> None:
        self.level = level
        self._num_pixels = 0
        self._pages = CellPages(level, keys)
        self._table = CellTable()
        self._unpaged: list[tuple[np.ndarray, np.ndarray]] = []
        self._num_unpaged = 0

    def count_pixels(self, scores: np.ndarray, anomalous: np.ndarray) -> None:
        """Count pixels: (P,) float32, (P,) bool."""
        self._num_pixels += scores.size
        keys = score_keys(scores)
        unpaged = self._pages.count_paged(keys, anomalous)
        if unpaged.size:
            self._unpaged.append((keys[unpaged], anomalous[unpaged]))
            self._num_unpaged += unpaged.size
            if self._num_unpaged >= _CHUNK:
                self._count_unpaged()

    def _count_unpaged(self) -> None:
        """Count the pixels that had no page, a few calls for many."""
        if self._unpaged:
            parts = zip(*self._unpaged, strict=True)
            keys, anomalous = map(np.concatenate, parts)
            self._unpaged.clear()
            self._num_unpaged = 0
            self._pages.grow(keys)
            rest = self._pages.count_paged(keys, anomalous)
            self._table.count_unpaged(
                cell_keys(keys[rest], self.level), anomalous[rest])

    def is_full(self) -> bool:
        """Whether there is no room for many more pixels."""
        return (self._num_pixels >= _MAX_PIXELS
                or self._table.most_cells > _MOST_CELLS
                and self._table.count_cells() > _MOST_CELLS)

    def count_cells(self) -> int:
        """Return about how many cells there are; some may count twice."""
        self._count_unpaged()
        return self._pages.count_cells() + self._table.count_cells()

    def counted_cells(self) -> list[CountedCells]:
        """Return two parts; a cell may be in both."""
        self._count_unpaged()
        return [
            CountedCells(cells, counts[0] - counts[1], counts[1])
            for cells, counts in (self._pages.occupied(),
                                  self._table.occupied())
        ]


class CellPages:
    """Counts of the cells of a level in up to 2**20 places.

    Args:
        level: See ``float_keys``.
        keys: (P,) uint32, never falling, of pixels like those to come.
    """

    def __init__(self, level: int, keys: np.ndarray) -> None:
        # At low levels a block of keys has more cells than most sets fill.
        self._bits = min(12 + level, BLOCK_BITS)
        self._dropped = np.repeat(dropped_bits(level),
                                  1 << (BLOCK_BITS - self._bits))
        # The first place of each page, and in 4 bits its dropped bits.
        self._pages = np.full(self._dropped.size, _NO_PAGE)
        self._counts = np.zeros((2, NUM_PLACES), np.uint32)
        self._num_used = 1
        self._full = False
        self._give_pages(keys)

    def count_paged(self, keys: np.ndarray,
                    anomalous: np.ndarray) -> np.ndarray:
        """Count the pixels that have a page.

        Args:
            keys: (P,) uint32.
            anomalous: (P,) bool.

        Returns:
            Indices of the other pixels.
        """
        pages = self._pages.take(  # 'wrap' is fastest
            (keys >> np.uint32(self._bits)).astype(np.intp), mode='wrap')
        places = (keys & np.uint32((1 << self._bits) - 1)).view(np.int32)
        places >>= pages & 15
        places += pages >> 4
        num_unpaged = self._counts[0, 0]
        count_at(self._counts, places.astype(np.intp), anomalous)
        if self._counts[0, 0] == num_unpaged:
            return _NOTHING
        return np.flatnonzero(pages == _NO_PAGE)

    def grow(self, keys: np.ndarray) -> None:
        """Give pages, where there are places left, to pixels without one.

        Args:
            keys: (P,) uint32.
        """
        if not self._full:
            self._give_pages(np.sort(keys))

    def _give_pages(self, keys: np.ndarray) -> None:
        """Give pages to the ranges with most pixels for each cell."""
        pages = keys >> np.uint32(self._bits)
        firsts = np.flatnonzero(np.diff(pages, prepend=pages[:1] ^ 1))
        traffic = np.diff(firsts, append=keys.size) / max(keys.size, 1)
        pages = pages[firsts]
        sizes = 1 << (self._bits - self._dropped[pages].astype(np.int64))
        chosen = np.argsort(-traffic / sizes)
        chosen = chosen[(traffic * _PAYING_CELLS >= sizes)[chosen]]
        ends = self._num_used + np.cumsum(sizes[chosen])
        self._full = bool((ends > NUM_PLACES).any())
        chosen = np.sort(chosen[ends <= NUM_PLACES])
        pages, sizes = pages[chosen], sizes[chosen]
        starts = self._num_used + np.cumsum(sizes) - sizes
        self._pages[pages] = starts << 4 | self._dropped[pages]
        self._num_used += int(sizes.sum())

    def count_cells(self) -> int:
        """Return how many cells have pixels (and one for all the others)."""
        return int(np.count_nonzero(self._counts[0]))

    def occupied(self) -> tuple[np.ndarray, np.ndarray]:
        """Return cells (D,), in no order, and counts (2, D).

        The counts are those of all pixels and of the anomalous ones.
        """
        pages = np.flatnonzero(self._pages != _NO_PAGE)
        pages = pages[np.argsort(self._pages[pages])]
        dropped = self._dropped[pages]
        starts = self._pages[pages] >> 4
        places = np.flatnonzero(self._counts[0, 1:]) + 1
        sizes = np.diff(np.searchsorted(places, starts), append=places.size)
        # Offsets wrap round 2**32 as the cells do.
        offsets = (pages << self._bits) - (starts << dropped)
        cells = places.astype(np.uint32) << np.repeat(dropped, sizes)
        cells += np.repeat(offsets.astype(np.uint32), sizes)
        return cells, self._counts.take(places, axis=1)


class CellTable:
    """Counts of any cells, by open addressing with key-dependent jumps.

    Attributes:
        most_cells: An upper bound of the occupied slots.
    """

    def __init__(self) -> None:
        self._cells = np.zeros(NUM_SLOTS, np.uint32)  # 0 is an empty slot
        self._counts = np.zeros((2, NUM_SLOTS), np.uint32)
        self.most_cells = 0

    def count_unpaged(self, cells: np.ndarray, anomalous: np.ndarray) -> None:
        """Count pixels: (P,) uint32 with repetitions, (P,) bool."""
        count_at(self._counts, self._find_slots(cells), anomalous)

    def count_cells(self) -> int:
        """Return how many slots are occupied, and make the bound exact."""
        self.most_cells = int(np.count_nonzero(self._cells))
        return self.most_cells

    def occupied(self) -> tuple[np.ndarray, np.ndarray]:
        """Return cells (D,), rising, and counts (2, D).

        The counts are those of all pixels and of the anomalous ones.
        """
        slots = np.flatnonzero(self._cells)
        slots = slots[_sorting_order(self._cells[slots])]
        return self._cells[slots], self._counts.take(slots, axis=1)

    def _find_slots(self, cells: np.ndarray) -> np.ndarray:
        """Return each cell's slot (P,), after giving one to every new cell."""
        # This product spreads evenly what lies at even distances.
        slots = (cells * _MIX >> np.uint32(32 - _SLOT_BITS)).astype(np.intp)
        missed = np.flatnonzero(self._cells.take(slots) != cells)
        while missed.size:
            wanted, tried = cells[missed], slots[missed]
            free = self._cells[tried] == 0
            # Of several new cells that want one slot, the last one gets it.
            self._cells[tried[free]] = wanted[free]
            self.most_cells += np.count_nonzero(free)
            lost = self._cells[tried] != wanted
            missed = missed[lost]
            slots[missed] = _next_slots(tried[lost], wanted[lost])
        return slots


def _sorting_order(cells: np.ndarray) -> np.ndarray:
    """Return the indices that sort, by two passes of NumPy's radix sort.

    It takes 16 bits and a third of the time of ``np.argsort`` of 32.
    """
    order = np.argsort(cells.astype(np.uint16), kind='stable')
    high = (cells >> np.uint32(16)).astype(np.uint16)
    return order[np.argsort(high[order], kind='stable')]


def _next_slots(slots: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Jump elsewhere; every slot is tried in the end.

    x -> 5 x + c with odd c visits all residues of a power of two. Jumps of
    one length would walk through the occupied slots of a dense range.
    """
    shift = (cells * _MIX >> np.uint32(2)) | np.uint32(1)
    return (5 * slots + shift) & (NUM_SLOTS - 1)


def count_at(counts: np.ndarray, places: np.ndarray,
             anomalous: np.ndarray) -> None:
    """Count pixels at their places.

    Two narrow counters, of which most pixels touch one, are faster than a
    pair side by side.

    Args:
        counts: (2, C) uint32, of all pixels and of the anomalous ones.
        places: (P,) intp.
        anomalous: (P,) bool.
    """
    np.add.at(counts[0], places, np.uint32(1))
    np.add.at(counts[1], places[anomalous], np.uint32(1))
