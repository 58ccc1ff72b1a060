import numpy as np
import pytest

from mmseg_anomaly.evaluation.pixels.fast_counter import (
    NUM_PLACES,
    NUM_SLOTS,
    CellPages,
    CellTable,
)
from mmseg_anomaly.evaluation.pixels.float_keys import cell_keys, score_keys


def _draw(num_pixels, seed=0):
    """Saturated scores and a few of any size, of both signs."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(4, 3, num_pixels)
    scores = 1 / (1 + np.exp(-logits)) * rng.choice([-1, 1], num_pixels)
    scores[::50] = 1e3 * rng.standard_normal(scores[::50].size)
    return score_keys(scores.astype(np.float32)), rng.random(num_pixels) < .1


def _assert_holds(pages, keys, anomalous, level):
    distinct, index = np.unique(cell_keys(keys, level), return_inverse=True)
    cells, counts = pages.occupied()
    order = np.argsort(cells)
    assert np.array_equal(cells[order], distinct)
    assert np.array_equal(counts[0, order], np.bincount(index))
    assert np.array_equal(
        counts[1, order],
        np.bincount(index[anomalous], minlength=distinct.size))


@pytest.mark.parametrize('level', [0, 2, 3, 9, 15])
def test_count_paged__counts_what_has_a_page_and_nothing_else(level):
    keys, anomalous = _draw(100_000)
    pages = CellPages(level, np.sort(keys[:50_000]))
    unpaged = pages.count_paged(keys, anomalous)
    inside = np.setdiff1d(np.arange(keys.size), unpaged)
    assert unpaged.size < keys.size / 2
    _assert_holds(pages, keys[inside], anomalous[inside], level)


def test_grow__gives_pages_to_new_keys():
    keys, anomalous = _draw(100_000)
    pages = CellPages(9, keys[:0])
    unpaged = pages.count_paged(keys, anomalous)
    assert np.array_equal(unpaged, np.arange(keys.size))
    pages.grow(keys)
    unpaged = pages.count_paged(keys, anomalous)
    assert unpaged.size < keys.size / 20
    inside = np.setdiff1d(np.arange(keys.size), unpaged)
    _assert_holds(pages, keys[inside], anomalous[inside], 9)


def test_grow__prefers_crowded_ranges_when_places_run_out():
    rng = np.random.default_rng(0)
    sparse = rng.integers(1 << 30, 1 << 31, 300_000, dtype=np.uint32)
    crowded = rng.integers(3 << 30, (3 << 30) + 4096, 300_000, np.uint32)
    pages = CellPages(0, np.zeros(0, np.uint32))
    keys = np.concatenate([sparse, crowded])
    pages.grow(keys)
    unpaged = pages.count_paged(keys, np.zeros(keys.size, bool))
    assert keys[unpaged].max() < 1 << 31
    pages.grow(keys[unpaged])  # whatever remains has no place or no worth
    unpaged = pages.count_paged(keys, np.zeros(keys.size, bool))
    assert unpaged.size > NUM_PLACES // 8


def _expected(cells, anomalous):
    distinct, index = np.unique(cells, return_inverse=True)
    counts = np.zeros((2, distinct.size), np.int64)
    np.add.at(counts[0], index, 1)
    np.add.at(counts[1], index[anomalous], 1)
    return distinct, counts


def _assert_table_holds(table, cells, anomalous):
    distinct, counts = _expected(cells, anomalous)
    found, found_counts = table.occupied()
    assert np.array_equal(found, distinct)
    assert np.array_equal(found_counts, counts)


def test_table__cells_of_one_slot_do_not_mix():
    inverse = pow(0x9E3779B1, -1, 1 << 32)  # three cells of one slot
    cells = np.array([(5 << 12) * inverse, ((5 << 12) + 1) * inverse,
                      ((5 << 12) + 2) * inverse]) % (1 << 32)
    cells = cells.astype(np.uint32)[[0, 1, 2, 0]]
    table = CellTable()
    table.count_unpaged(cells, np.array([True, False, True, False]))
    _assert_table_holds(table, cells, np.array([True, False, True, False]))
    assert table.count_cells() == table.most_cells == 3


def test_table__holds_any_cells():
    rng = np.random.default_rng(0)
    cells = rng.integers(1, 1 << 32, NUM_SLOTS // 2, dtype=np.uint32)
    cells[::3] = (cells[::3] % 1000 + 1) << 20  # repeated
    anomalous = rng.random(cells.size) < .5
    table = CellTable()
    for part in np.array_split(np.arange(cells.size), 7):
        table.count_unpaged(cells[part], anomalous[part])
        assert table.most_cells >= np.unique(cells[:part[-1] + 1]).size
    _assert_table_holds(table, cells, anomalous)
