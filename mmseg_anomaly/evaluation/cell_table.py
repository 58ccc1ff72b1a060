"""Two places to count cells in: a hash table for all, pages for the crowded.

Both have a fixed size. Codes are numbers of cells, uint32 and never 0, see
``score_cells.encode``. Letters: P pixels, D distinct cells.
"""
from collections.abc import Iterator

import numpy as np

NUM_SLOTS = 1 << 20

_PAGE_BITS = 12
_PAGE_CELLS = 1 << _PAGE_BITS
_NUM_PAGES = 256
_DRAINED_PAGES = 17  # 255 are 15 times as many
_TRAFFIC = 1 << 16  # pixels beside the pages before pages are given out
_MIN_TRAFFIC = 32  # of them on one page, to make it worth one


class CellTable:
    """Counts of any cells, by open addressing with key-dependent jumps.

    Args:
        count_type: ``np.uint32`` or ``np.uint64``.

    Attributes:
        most_cells: An upper bound of the occupied slots.
    """

    def __init__(self, count_type: type[np.unsignedinteger]) -> None:
        self.codes = np.zeros(NUM_SLOTS, np.uint32)  # 0 is an empty slot
        self.counts = np.zeros((NUM_SLOTS, 2), count_type)
        self.most_cells = 0

    def add(self, codes: np.ndarray, labels: np.ndarray) -> None:
        """Count pixels: (P,) uint32 with repetitions, (P,) integers 0 or 1."""
        places = 2 * self._find_slots(codes) + labels
        np.add.at(self.counts.reshape(-1), places, self.counts.dtype.type(1))

    def add_counts(self, codes: np.ndarray, counts: np.ndarray) -> None:
        """Add counts (D, 2) of codes (D,), repetitions allowed."""
        places = 2 * self._find_slots(codes)[:, None] + np.arange(2)
        np.add.at(self.counts.reshape(-1), places.reshape(-1),
                  counts.astype(self.counts.dtype).reshape(-1))

    def occupied(self) -> tuple[np.ndarray, np.ndarray]:
        """Return codes (D,), in no order, and counts (D, 2)."""
        occupied = self.codes != 0
        return self.codes[occupied], self.counts[occupied]

    def _find_slots(self, codes: np.ndarray) -> np.ndarray:
        """Return each code's slot (P,), after giving one to every new code."""
        # Dense ranges of codes fall into dense ranges of slots.
        slots = (codes ^ (codes >> np.uint32(19))) & np.uint32(NUM_SLOTS - 1)
        slots = slots.astype(np.intp)
        missed = np.flatnonzero(self.codes.take(slots) != codes)
        while missed.size:
            wanted, tried = codes[missed], slots[missed]
            free = self.codes[tried] == 0
            # Of several new codes that want one slot, the last one gets it.
            self.codes[tried[free]] = wanted[free]
            self.most_cells += np.count_nonzero(free)
            lost = self.codes[tried] != wanted
            missed = missed[lost]
            slots[missed] = _next_slots(tried[lost], wanted[lost])
        return slots


def _next_slots(slots: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Jump elsewhere; every slot is tried in the end.

    x -> 5 x + c with odd c visits all residues of a power of two. Jumps of
    one length would walk through the occupied slots of a dense range.
    """
    shift = (codes * np.uint32(0x9E3779B1)) >> np.uint32(11) | np.uint32(1)
    return (5 * slots + shift) & (NUM_SLOTS - 1)


class PageCache:
    """Counts of cells in the most crowded pages of 4096 neighbours.

    A look-up and an addition count a pixel here, whatever its neighbours;
    what the pages cannot hold is left to a :class:`CellTable`.

    Args:
        num_codes: A number above every code.
    """

    def __init__(self, num_codes: int) -> None:
        num_pages = (num_codes >> _PAGE_BITS) + 1
        self._starts = np.zeros(num_pages, np.int32)  # 0 is no page
        self._traffic = np.zeros(num_pages, np.uint32)
        self._beside = 0
        # Page 0 takes what belongs to no page and is never read.
        self._counts = np.zeros((_NUM_PAGES * _PAGE_CELLS, 2), np.uint32)
        self._used = 1

    def add(self, codes: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Count the pixels that have a page.

        Args:
            codes: (P,) uint32.
            labels: (P,) int32, 0 or 1.

        Returns:
            Indices of the other pixels.
        """
        starts = self._starts.take(codes >> np.uint32(_PAGE_BITS))
        cells = (codes & np.uint32(_PAGE_CELLS - 1)).view(np.int32)
        places = starts + 2 * cells + labels
        np.add.at(self._counts.reshape(-1), places.astype(np.intp),
                  np.uint32(1))
        beside = np.flatnonzero(starts == 0)
        if beside.size and self._used < _NUM_PAGES:
            self._watch(codes[beside])
        return beside

    def _watch(self, codes: np.ndarray) -> None:
        np.add.at(self._traffic, codes >> np.uint32(_PAGE_BITS), np.uint32(1))
        self._beside += codes.size
        if self._beside >= _TRAFFIC:
            self._give_pages()
            self._traffic[:] = 0
            self._beside = 0

    def _give_pages(self) -> None:
        pages = np.flatnonzero(self._traffic >= _MIN_TRAFFIC)
        busiest = np.argsort(self._traffic[pages])[::-1]
        pages = pages[busiest[:_NUM_PAGES - self._used]]
        first = 2 * _PAGE_CELLS * self._used
        self._starts[pages] = first + 2 * _PAGE_CELLS * np.arange(pages.size)
        self._used += pages.size

    def drain(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield codes (D,), in no order, and counts (D, 2); forget these."""
        pages = np.flatnonzero(self._starts)
        first_codes = np.zeros(_NUM_PAGES, np.uint32)
        first_codes[self._starts[pages] // (2 * _PAGE_CELLS)] = (
            pages << _PAGE_BITS)
        for page in range(1, self._used, _DRAINED_PAGES):
            first = page * _PAGE_CELLS
            part = self._counts[first:first + _DRAINED_PAGES * _PAGE_CELLS]
            cells = np.flatnonzero(part.view(np.uint64))  # either count
            offsets = (cells & (_PAGE_CELLS - 1)).astype(np.uint32)
            codes = first_codes[page + (cells >> _PAGE_BITS)] + offsets
            yield codes, part[cells]
            part[:] = 0
