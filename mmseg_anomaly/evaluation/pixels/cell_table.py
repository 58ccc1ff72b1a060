"""A hash table that counts the pixels of any cells.

Cells are named by their smallest key, uint32 and never 0, see
``score_cells``. Letters: P pixels, D distinct cells.
"""
import numpy as np

NUM_SLOTS = 1 << 20

_SLOT_BITS = 20
_MIX = np.uint32(0x9E3779B1)  # 2**32 over the golden ratio


class CellTable:
    """Counts of any cells, by open addressing with key-dependent jumps.

    Attributes:
        most_cells: An upper bound of the occupied slots.
    """

    def __init__(self) -> None:
        self._cells = np.zeros(NUM_SLOTS, np.uint32)  # 0 is an empty slot
        self._counts = np.zeros((2, NUM_SLOTS), np.uint32)
        self.most_cells = 0

    def add(self, cells: np.ndarray, anomalous: np.ndarray) -> None:
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
