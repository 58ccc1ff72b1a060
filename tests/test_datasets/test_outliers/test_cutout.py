import numpy as np
import pytest

from mmseg_anomaly.datasets.outliers.cutout import (
    Cutout,
    crop_to_alpha,
    fit_longer_side,
    resize_cutout,
)

RED = np.array([0, 0, 255], np.uint8)  # BGR


@pytest.mark.parametrize(('size_hw', 'longer_side_px', 'expected'), [
    ((100, 50), 10, (10, 5)),
    ((50, 100), 200, (100, 200)),
    ((7, 1000), 10, (1, 10)),
    ((1000, 1), 1, (1, 1)),
])
def test_fit_longer_side__keeps_aspect(size_hw, longer_side_px, expected):
    assert fit_longer_side(size_hw, longer_side_px) == expected


def test_mask__is_alpha_of_at_least_half():
    alpha = np.array([[0, 127, 128, 255]], np.uint8)
    cutout = Cutout(np.zeros((1, 4, 3), np.uint8), alpha, 'bar')
    assert cutout.mask().tolist() == [[False, False, True, True]]


def test_shrinking__averages_areas():
    image = np.zeros((4, 4, 3), np.uint8)
    image[:, ::2] = 100  # stripes of one pixel
    small = resize_cutout(
        Cutout(image, np.full((4, 4), 255, np.uint8), 'stripes'), (2, 2))
    assert (small.image == 50).all()
    assert (small.alpha == 255).all()


def test_shrinking__averages_along_a_line_of_one_row():
    image = np.tile(np.array([0, 0, 0, 200], np.uint8), 3)  # (12,)
    line = Cutout(image[None, :, None].repeat(3, axis=2),
                  np.full((1, 12), 255, np.uint8), 'line')
    assert (resize_cutout(line, (1, 3)).image == 50).all()


def test_shrinking__halves_alpha_on_a_half_covered_pixel():
    alpha = np.array([[255, 255, 255, 0], [255, 255, 0, 0]], np.uint8)
    small = resize_cutout(
        Cutout(np.zeros((2, 4, 3), np.uint8), alpha, 'step'), (1, 2))
    assert small.alpha.tolist() == [[255, 64]]


@pytest.mark.parametrize('size_hw', [(3, 5), (9, 14), (60, 80), (10, 22)])
def test_resizing__lets_no_background_into_the_object(size_hw):
    image = np.full((20, 30, 3), 255, np.uint8)
    alpha = np.zeros((20, 30), np.uint8)
    for row in range(20):  # a triangle
        image[row, :row + 5] = RED
        alpha[row, :row + 5] = 255
    other = resize_cutout(Cutout(image, alpha, 'flag'), size_hw)
    assert other.mask().any() and not other.mask().all()
    assert (other.image[other.mask()] == RED).all()


def test_equal_size__returns_the_same_pixels():
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    alpha = np.array([[255, 0], [127, 128]], np.uint8)
    same = resize_cutout(Cutout(image, alpha, 'dot'), (2, 2))
    np.testing.assert_array_equal(same.image, image)
    np.testing.assert_array_equal(same.alpha, alpha)


def test_content_hash__sees_what_shows_and_nothing_else():
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    alpha = np.array([[255, 0], [127, 128]], np.uint8)
    cutout = Cutout(image, alpha, 'dot')
    hidden, shown = image.copy(), image.copy()
    hidden[0, 1] = 99
    shown[1, 0] = 99
    assert len(cutout.content_hash()) == 32
    assert Cutout(hidden, alpha, 'x').content_hash() == cutout.content_hash()
    assert Cutout(shown, alpha, 'dot').content_hash() != cutout.content_hash()
    assert Cutout(image, alpha[::-1], 'dot').content_hash(
    ) != cutout.content_hash()
    assert Cutout(image.reshape(4, 1, 3), alpha.reshape(4, 1),
                  'dot').content_hash() != cutout.content_hash()


def test_crop__is_tight():
    alpha = np.zeros((6, 7), np.uint8)
    alpha[2, 3:5] = 1
    image = np.arange(126, dtype=np.uint8).reshape(6, 7, 3)
    cropped = crop_to_alpha(Cutout(image, alpha, 'dot'))
    np.testing.assert_array_equal(cropped.image, image[2:3, 3:5])
    assert cropped.alpha.tolist() == [[1, 1]]
    with pytest.raises(ValueError, match='`cutout` is empty'):
        crop_to_alpha(Cutout(image, np.zeros((6, 7), np.uint8), 'dot'))
