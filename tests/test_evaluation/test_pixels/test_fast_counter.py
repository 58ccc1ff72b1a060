import numpy as np
import pytest

from mmseg_anomaly.evaluation.pixels.fast_counter import NUM_PLACES, CellPages
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
def test_add__counts_what_has_a_page_and_nothing_else(level):
    keys, anomalous = _draw(100_000)
    pages = CellPages(level, np.sort(keys[:50_000]))
    beside = pages.add(keys, anomalous)
    inside = np.setdiff1d(np.arange(keys.size), beside)
    assert beside.size < keys.size / 2
    _assert_holds(pages, keys[inside], anomalous[inside], level)


def test_grow__gives_pages_to_new_keys():
    keys, anomalous = _draw(100_000)
    pages = CellPages(9, keys[:0])
    beside = pages.add(keys, anomalous)
    assert np.array_equal(beside, np.arange(keys.size))
    pages.grow(keys)
    beside = pages.add(keys, anomalous)
    assert beside.size < keys.size / 20
    inside = np.setdiff1d(np.arange(keys.size), beside)
    _assert_holds(pages, keys[inside], anomalous[inside], 9)


def test_grow__prefers_crowded_ranges_when_places_run_out():
    rng = np.random.default_rng(0)
    sparse = rng.integers(1 << 30, 1 << 31, 300_000, dtype=np.uint32)
    crowded = rng.integers(3 << 30, (3 << 30) + 4096, 300_000, np.uint32)
    pages = CellPages(0, np.zeros(0, np.uint32))
    keys = np.concatenate([sparse, crowded])
    pages.grow(keys)
    beside = pages.add(keys, np.zeros(keys.size, bool))
    assert keys[beside].max() < 1 << 31
    pages.grow(keys[beside])  # whatever remains has no place or no worth
    assert pages.add(keys, np.zeros(keys.size, bool)).size > NUM_PLACES // 8
