"""Training and testing share no shape and no pattern."""
import numpy as np
import pytest

from mmseg_anomaly.datasets.synthetic_roads.patterns import (
    PATTERNS,
    paint_pattern,
)
from mmseg_anomaly.datasets.synthetic_roads.strange_objects import (
    CATEGORIES,
    SHAPES,
    draw_strange_object,
)


def test_shapes__of_training_and_testing_differ():
    for family in (SHAPES, PATTERNS):
        assert set(family) == {'train', 'test'}
        assert not set(family['train']) & set(family['test'])
    assert len(CATEGORIES) == len(set(CATEGORIES))


@pytest.mark.parametrize('split', ['train', 'test'])
@pytest.mark.parametrize('seed', range(8))
def test_object__fills_a_fair_part_of_its_picture(split, seed):
    image, mask, category = draw_strange_object(
        split, 48, np.random.default_rng(seed))
    assert image.shape == (48, 48, 3) and image.dtype == np.uint8
    assert 0.08 < mask.mean() < 0.9 and mask.dtype == bool
    assert not mask[0].any() and not mask[:, 0].any()
    assert category in SHAPES[split]


def test_object__equal_seeds_give_equal_objects():
    first, second = (
        draw_strange_object('train', 32, np.random.default_rng(5))
        for _ in range(2))
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])


@pytest.mark.parametrize('split', ['train', 'test'])
def test_pattern__is_not_one_colour(split):
    surface = paint_pattern(split, 32, np.random.default_rng(1))
    assert surface.shape == (32, 32, 3)
    assert surface.std(axis=(0, 1)).max() > 5
