"""Dense counters of the most crowded ranges of cells.

A page is a range of keys of one size, cut into cells of one width. A look-up
of the page and an addition count a pixel, whatever its neighbours; pixels
without a page are left to a ``CellTable``.

Letters: P pixels, D distinct cells, G pages.
"""
import numpy as np

from .cell_table import count_at
from .float_keys import BLOCK_BITS, dropped_bits

NUM_PLACES = 1 << 20

_NO_PAGE = np.int32(15)  # all offsets fall on place 0
_NOTHING = np.zeros(0, np.intp)
_THIN = 64 * NUM_PLACES  # where a page has a smaller share of pixels than of
# so many cells, it is not worth its places


class CellPages:
    """Counts of the cells of a level in up to 2**20 places.

    Args:
        level: See ``score_cells``.
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

    def add(self, keys: np.ndarray, anomalous: np.ndarray) -> np.ndarray:
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
        num_beside = self._counts[0, 0]
        count_at(self._counts, places.astype(np.intp), anomalous)
        if self._counts[0, 0] == num_beside:
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
        chosen = chosen[(traffic * _THIN >= sizes)[chosen]]
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
