import numpy as np

from mmseg_anomaly.evaluation.cell_table import NUM_SLOTS, CellTable, PageCache


def _sorted(codes, counts):
    order = np.argsort(codes)
    return codes[order], counts[order]


def _expected(codes, labels):
    distinct, index = np.unique(codes, return_inverse=True)
    counts = np.zeros((distinct.size, 2), np.int64)
    np.add.at(counts, (index, labels), 1)
    return distinct, counts


def test_cell_table__codes_of_one_slot_do_not_mix():
    codes = np.array([7, 7 + (1 << 31), 7, 7 + (3 << 30)], np.uint32)
    assert len(set((codes ^ (codes >> 19)) % NUM_SLOTS)) < 4
    table = CellTable(np.uint32)
    table.add(codes, np.array([0, 1, 1, 0]))
    codes, counts = _sorted(*table.occupied())
    assert codes.tolist() == [7, 7 + (1 << 31), 7 + (3 << 30)]
    assert counts.tolist() == [[1, 1], [0, 1], [1, 0]]


def test_cell_table__holds_any_codes():
    rng = np.random.default_rng(0)
    codes = rng.integers(1, 1 << 32, 300_000, dtype=np.uint32)
    codes[::3] = (codes[::3] % 1000 + 1) << 20  # crowded slots
    labels = rng.integers(0, 2, codes.size)
    table = CellTable(np.uint32)
    for part in np.array_split(np.arange(codes.size), 7):
        table.add(codes[part], labels[part])
    distinct, counts = _expected(codes, labels)
    found, found_counts = _sorted(*table.occupied())
    assert np.array_equal(found, distinct)
    assert np.array_equal(found_counts, counts)
    assert table.most_cells >= distinct.size


def test_cell_table__adds_counts_of_repeated_codes():
    table = CellTable(np.uint64)
    table.add_counts(np.array([5, 9, 5], np.uint32),
                     np.array([[1, 2], [1 << 40, 0], [3, 4]]))
    codes, counts = _sorted(*table.occupied())
    assert codes.tolist() == [5, 9]
    assert counts.tolist() == [[4, 6], [1 << 40, 0]]


def test_page_cache__counts_what_it_has_pages_for_and_nothing_else():
    rng = np.random.default_rng(0)
    crowded = rng.integers(5_000_000, 5_020_000, 300_000, dtype=np.uint32)
    lone = rng.integers(1, 1 << 32, 1000, dtype=np.uint32)
    codes = rng.permutation(np.concatenate([crowded, lone]))
    labels = rng.integers(0, 2, codes.size, dtype=np.int32)
    pages, table = PageCache(1 << 32), CellTable(np.uint32)
    beside = 0
    for part in np.array_split(np.arange(codes.size), 20):
        rest = part[pages.add(codes[part], labels[part])]
        table.add(codes[rest], labels[rest])
        beside += rest.size
    assert beside < 150_000  # it found out what is crowded
    for drained in pages.drain():
        table.add_counts(*drained)
    distinct, counts = _expected(codes, labels)
    found, found_counts = _sorted(*table.occupied())
    assert np.array_equal(found, distinct)
    assert np.array_equal(found_counts, counts)
    assert all(codes.size == 0 for codes, _ in pages.drain())
