import math

import numpy as np
import pytest

from mmseg_anomaly.evaluation.pixels.float_keys import (
    MAX_LEVEL,
    cell_keys,
    is_exact,
    score_below,
    score_keys,
    score_of,
    sufficient_level,
)


def _floats_around(value, count):
    below = np.float32(value)
    values = [below]
    for _ in range(count):
        values.append(np.nextafter(values[-1], np.float32(-np.inf)))
    return np.array(values[::-1], np.float32)


def test_keys_keep_the_order_of_scores():
    scores = np.array([-np.inf, -3e38, -1, -1e-45, 0, 1e-45, 1, 3e38, np.inf],
                      np.float32)
    keys = score_keys(scores)
    assert (np.diff(keys.astype(np.int64)) > 0).all()
    assert keys[0] == 2**23 - 1
    assert keys[-1] == 2**32 - 2**23


def test_keys_know_one_zero():
    keys = score_keys(np.array([-0.0, 0.0], np.float32))
    assert keys[0] == keys[1]


def test_is_exact_holds_within_a_256th_of_plus_and_minus_one():
    inside = np.array([1 - 2**-8, 1, -1, -1 - 2**-9], np.float32)
    outside = np.array([.99, 1 + 2**-8, 0, .5, -.99, -1 - 2**-8, np.inf],
                       np.float32)
    assert is_exact(score_keys(inside)).all()
    assert not is_exact(score_keys(outside)).any()


def test_exact_range_ends_with_the_float_below_it():
    last, first = score_keys(_floats_around(1 - 2**-8, 1))
    assert is_exact(np.array([last, first])).tolist() == [False, True]


def _brute_force_cells(keys, level):
    """Drop the bits that the definition names, score by score."""
    bits = np.where(keys >= 1 << 31, keys ^ np.uint32(1 << 31), ~keys)
    cells = []
    for key, score in zip(keys.tolist(), bits.view(np.float32).tolist(),
                          strict=True):
        distance = 1 - abs(score)
        if -2**-8 < distance <= 2**-8:
            kept = level
        elif 0 < distance <= .5:
            kept = min(level, math.floor(-math.log2(distance)))
        else:
            kept = 0
        # Cells of negative scores are those of the mirrored positive ones.
        cells.append(key >> (level - kept) << (level - kept))
    return np.array(cells, np.uint32)


@pytest.mark.parametrize('level', [0, 1, 9, MAX_LEVEL])
def test_cell_keys_are_the_smallest_of_each_cell(level):
    rng = np.random.default_rng(level)
    keys = score_keys(
        np.concatenate([
            rng.standard_normal(5000), _floats_around(1, 2000),
            -_floats_around(1, 2000), [np.inf, -np.inf]
        ]).astype(np.float32))
    cells = cell_keys(keys, level)
    assert np.array_equal(cells, _brute_force_cells(keys, level))
    assert np.array_equal(cell_keys(cells, level), cells)
    assert cells.min() > 0


def test_cells_of_a_higher_level_are_unions_of_cells():
    keys = score_keys(
        np.random.default_rng(0).standard_normal(10000).astype(np.float32))
    for level in range(1, MAX_LEVEL + 1):
        once = cell_keys(keys, level)
        twice = cell_keys(cell_keys(keys, level - 1), level)
        assert np.array_equal(once, twice)


def test_sufficient_level_is_the_smallest():
    keys = np.array([0, 1, 2, 3, 8, 9], np.uint32)
    assert sufficient_level(keys, 6) == 0
    assert sufficient_level(keys, 5) == 1  # 0 2 8
    assert sufficient_level(keys, 3) == 1
    assert sufficient_level(keys, 2) == 2  # 0 8
    assert sufficient_level(keys, 1) == 4
    assert sufficient_level(np.repeat(keys, 2), 5) == 1
    assert sufficient_level(keys, 6, level=2) == 2


def test_sufficient_level_never_counts_on_exact_keys():
    keys = score_keys(_floats_around(1, 9))
    assert sufficient_level(keys, 5) == MAX_LEVEL


def test_score_of__inverts_the_keys():
    scores = np.array([-np.inf, -3.5, -1e-45, 0, 1e-45, .1, np.inf],
                      np.float32)
    assert np.array_equal(score_of(score_keys(scores)), scores)


def test_score_of__a_cell_around_minus_infinity_is_a_score():
    key = score_keys(np.array([-np.inf], np.float32)) & np.uint32(0xFFFF8000)
    assert score_of(key) == -np.inf


def test_score_below__flags_a_score_and_all_above_it_by_greater_than():
    scores = np.array([-3.5, -1e-45, 0, 1e-45, 1 - 2**-24, 1, np.inf],
                      np.float32)
    for place, threshold in enumerate(score_below(score_keys(scores))):
        assert np.array_equal(scores > threshold, scores >= scores[place])
        assert float(repr(float(threshold))) == threshold
