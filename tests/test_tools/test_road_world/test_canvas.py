"""Image and label are drawn by the same brush."""
import numpy as np
import pytest

from road_world.canvas import Canvas, smooth_noise

SQUARE = np.array([(1, 1), (3, 1), (3, 2), (1, 2)])


@pytest.fixture
def canvas():
    return Canvas((4, 6), np.random.default_rng(0))


def test_fill__paints_image_and_label(canvas):
    canvas.fill(SQUARE, np.array([10, 20, 30]), 5, contrast=0)
    assert canvas.label[1:3, 1:4].tolist() == [[5] * 3, [5] * 3]
    assert (canvas.label == 5).sum() == 6
    assert canvas.image[2, 3].tolist() == [10, 20, 30]
    assert canvas.image.sum() == 6 * 60


def test_fill__several_polygons_at_once(canvas):
    tiny = np.array([(0, 0), (1, 0), (1, 0), (0, 0)])
    canvas.fill(np.stack((tiny, SQUARE, SQUARE + 50)), np.ones(3), 5)
    assert np.argwhere(canvas.label == 5).tolist() == [
        [0, 0], [0, 1], *[[y, x] for y in (1, 2) for x in (1, 2, 3)]]


def test_fill__without_class_keeps_the_label(canvas):
    canvas.fill(SQUARE, np.array([10, 20, 30]), contrast=0)
    assert not canvas.label.any() and canvas.image.any()


def test_fill__outside_the_picture_changes_nothing(canvas):
    for shift in ((10, 0), (-10, 0), (0, 10), (0, -10)):
        canvas.fill(SQUARE + shift, np.array([10, 20, 30]), 5)
    assert not canvas.label.any() and not canvas.image.any()


def test_shade__multiplies_inside(canvas):
    canvas.image[:] = 100
    canvas.shade(SQUARE, 0.5)
    assert canvas.image[1, 1].tolist() == [50, 50, 50]
    assert canvas.image[0, 0].tolist() == [100, 100, 100]


def test_smooth_noise__is_bounded_and_smooth():
    noise = smooth_noise((32, 48), 16, np.random.default_rng(0))
    assert noise.shape == (32, 48)
    assert np.abs(noise).max() <= 1
    assert np.abs(np.diff(noise, axis=1)).max() < 0.25
