import numpy as np

from mmseg_anomaly.evaluation.pixels.cell_table import NUM_SLOTS, CellTable


def _expected(cells, anomalous):
    distinct, index = np.unique(cells, return_inverse=True)
    counts = np.zeros((2, distinct.size), np.int64)
    np.add.at(counts[0], index, 1)
    np.add.at(counts[1], index[anomalous], 1)
    return distinct, counts


def _assert_holds(table, cells, anomalous):
    distinct, counts = _expected(cells, anomalous)
    found, found_counts = table.occupied()
    assert np.array_equal(found, distinct)
    assert np.array_equal(found_counts, counts)


def test_add__cells_of_one_slot_do_not_mix():
    inverse = pow(0x9E3779B1, -1, 1 << 32)  # three cells of one slot
    cells = np.array([(5 << 12) * inverse, ((5 << 12) + 1) * inverse,
                      ((5 << 12) + 2) * inverse]) % (1 << 32)
    cells = cells.astype(np.uint32)[[0, 1, 2, 0]]
    table = CellTable()
    table.add(cells, np.array([True, False, True, False]))
    _assert_holds(table, cells, np.array([True, False, True, False]))
    assert table.count_cells() == table.most_cells == 3


def test_add__holds_any_cells():
    rng = np.random.default_rng(0)
    cells = rng.integers(1, 1 << 32, NUM_SLOTS // 2, dtype=np.uint32)
    cells[::3] = (cells[::3] % 1000 + 1) << 20  # repeated
    anomalous = rng.random(cells.size) < .5
    table = CellTable()
    for part in np.array_split(np.arange(cells.size), 7):
        table.add(cells[part], anomalous[part])
        assert table.most_cells >= np.unique(cells[:part[-1] + 1]).size
    _assert_holds(table, cells, anomalous)
