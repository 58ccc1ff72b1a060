import numpy as np
import pytest

from mmseg_anomaly.datasets.paste.perspective import (
    estimate_horizon,
    first_row_of_size,
    size_at_row,
)


@pytest.mark.parametrize(('row', 'size'), [
    (100, 60), (60, 20), (41, 1), (40, 0), (10, 0)])
def test_size__grows_with_the_distance_to_the_horizon(row, size):
    assert size_at_row(row, 60, horizon=40, height=101) == size


def test_size__is_zero_without_ground():
    assert size_at_row(9, 60, horizon=10, height=10) == 0


@pytest.mark.parametrize(('size', 'row'), [
    (60, 100), (20, 60), (19.5, 60), (0, 40), (61, 101)])
def test_first_row__is_where_the_size_is_reached(size, row):
    assert first_row_of_size(size, 60, horizon=40, height=101) == row
    if row <= 100:
        assert size_at_row(row, 60, 40, 101) >= size


def test_first_row__is_none_without_ground():
    assert first_row_of_size(5, 60, horizon=20, height=20) == 20


def test_horizon__is_the_first_row_of_enough_road():
    row_pixels = np.array([0, 0, 1, 2, 40, 90])
    assert estimate_horizon(row_pixels, width=100) == 2
    assert estimate_horizon(row_pixels, width=200) == 3
    assert estimate_horizon(np.zeros(6, int), width=100) == 6


def test_horizon__of_a_road_that_narrows_is_a_little_low():
    rows = np.arange(200)
    row_pixels = np.maximum(0, rows - 80) * 2  # vanishes in row 80
    assert 80 <= estimate_horizon(row_pixels, width=300) <= 82
