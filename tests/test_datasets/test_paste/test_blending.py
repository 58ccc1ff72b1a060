import cv2
import numpy as np
import pytest
from mmseg.registry import TASK_UTILS

from mmseg_anomaly.datasets.outliers import Cutout
from mmseg_anomaly.datasets.paste import OutlierBlending
from mmseg_anomaly.datasets.paste.blending import (
    cast_shadow,
    feather_blend,
    feather_weight,
    hard_blend,
    poisson_blend,
)


def disc(radius=10, color=200):
    alpha = np.zeros((2 * radius + 1, ) * 2, np.uint8)
    cv2.circle(alpha, (radius, radius), radius, 255, -1)
    return Cutout(np.full((*alpha.shape, 3), color, np.uint8), alpha, 'disc')


def scene(value=60):
    grain = np.random.default_rng(0).integers(-20, 20, (50, 70, 3))
    return (value + grain).astype(np.uint8)


def test_hard_blend__replaces_the_mask_and_nothing_else():
    background = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    image = np.full((2, 2, 3), 200, np.uint8)
    mask = np.array([[True, False], [False, True]])
    blended = hard_blend(background, image, mask)
    assert blended.dtype == np.uint8
    assert blended.tolist() == [[[200] * 3, [3, 4, 5]],
                                [[6, 7, 8], [200] * 3]]


def test_feather_weight__rises_from_a_half_to_one():
    mask = np.zeros((11, 11), bool)
    mask[1:10, 1:10] = True
    weight = feather_weight(mask, 2.0)
    assert weight[5].tolist() == [
        0, 0.5, 0.75, 1, 1, 1, 1, 1, 0.75, 0.5, 0]
    np.testing.assert_array_equal(weight >= 0.5, mask)
    assert feather_weight(np.ones((3, 3), bool), 2.0)[0, 0] == 0.5  # cut edge


def test_feather_blend__mixes_by_weight():
    background = np.full((3, 3, 3), 100, np.uint8)
    image = np.full((3, 3, 3), 200, np.uint8)
    mask = np.ones((3, 3), bool)
    mask[0] = False
    blended = feather_blend(background, image, mask, 1.0)
    assert blended[..., 0].tolist() == [[100] * 3, [150] * 3, [150] * 3]


@pytest.mark.parametrize('place', [(0, 0), (29, 49), (10, 0), (12, 20)])
@pytest.mark.parametrize('mode', ['hard', 'feather', 'poisson'])
def test_pixels_outside_the_mask__are_untouched(mode, place):
    img, cutout = scene(), disc()
    OutlierBlending(mode, color_match=0.5, match_blur=True,
                    match_noise=True).draw(
                        img, cutout, *place, np.random.default_rng(0))
    mask = np.zeros((50, 70), bool)
    mask[place[0]:place[0] + 21, place[1]:place[1] + 21] = cutout.mask()
    np.testing.assert_array_equal(img[~mask], scene()[~mask])
    assert (img[mask] != scene()[mask]).any(axis=-1).mean() > 0.9


def test_poisson__keeps_gradients_and_takes_border_colours():
    img = np.full((50, 70, 3), 60, np.uint8)
    cutout = disc()
    cutout.image[10, 10] = 255  # a bright dot on grey 200
    blended = poisson_blend(img, cutout.image, cutout.mask(), 12, 20)
    flat = np.delete(blended[10], slice(8, 13), axis=0)
    assert abs(flat.astype(int) - 60).max() <= 12
    assert blended[10, 10, 0] > blended[10, 5, 0] + 40


def test_poisson__draws_even_a_thin_object():
    # the library alone erodes it to nothing
    img = np.full((50, 70, 3), 60, np.uint8)
    stripes = np.zeros((20, 4, 3), np.uint8)
    stripes[::4] = stripes[1::4] = 200
    blended = poisson_blend(img, stripes, np.ones((20, 4), bool), 10, 20)
    assert blended.std() > 20


def test_shadow__darkens_the_ground_below_only():
    img = np.full((50, 70, 3), 100, np.uint8)
    cast_shadow(img, np.ones((20, 10), bool), 10, 30, 0.5)
    assert (img[29, 34:36] <= 52).all()  # darkest at the foot
    assert (img[:25] == 100).all() and (img[:, :20] == 100).all()
    assert img.min() >= 50


def test_shadow__by_hand():
    img = np.full((50, 70, 3), 100, np.uint8)
    cast_shadow(img, np.ones((20, 10), bool), 10, 30, 0.5)
    # ellipse around (29, 34.5) with half axes 1.5 and 6, so that
    # r^2 = (1 / 1.5)^2 + (0.5 / 6)^2 one row below
    assert img[30, 34, 0] == round(100 * (1 - 0.5 * np.exp(-2 * 0.45139)))
    assert img[32, 34, 0] == 100  # two half axes below


def test_shadow__is_two_pixels_high_at_least():
    img = np.full((50, 70, 3), 100, np.uint8)
    cast_shadow(img, np.ones((20, 1), bool), 10, 30, 0.5)
    assert img[30, 30, 0] == round(100 * (1 - 0.5 * np.exp(-2)))




def test_shadow__is_cut_at_the_border():
    img = np.full((30, 30, 3), 100, np.uint8)
    cast_shadow(img, np.ones((30, 30), bool), 0, 0, 1.0)
    assert img[29, 15, 0] < 5 and img.shape == (30, 30, 3)


def test_shadow__lies_under_the_object():
    img, cutout = scene(), disc()
    OutlierBlending(shadow=0.8).draw(
        img, cutout, 12, 20, np.random.default_rng(0))
    assert (img[12:33, 20:41][cutout.mask()] == 200).all()
    assert img[33, 30].mean() < 0.8 * scene()[33, 30].mean()


def test_hard_without_options__is_the_object_itself():
    img = scene()
    OutlierBlending().draw(img, disc(), 5, 6, np.random.default_rng(0))
    np.testing.assert_array_equal(
        img[5:26, 6:27],
        hard_blend(scene()[5:26, 6:27], disc().image, disc().mask()))


def test_surroundings__reach_half_the_size_of_the_object():
    img = np.full((100, 100, 3), 220, np.uint8)
    img[20:60, 20:60] = 100  # the object's box and ten pixels around it
    cutout = Cutout(np.full((20, 20, 3), 50, np.uint8),
                    np.full((20, 20), 255, np.uint8), 'box')
    OutlierBlending(color_match=1.0).draw(
        img, cutout, 30, 30, np.random.default_rng(0))
    assert abs(img[30:50, 30:50].astype(int) - 100).max() <= 1




def test_config__builds_and_prints():
    blending = TASK_UTILS.build(
        dict(type='OutlierBlending', mode='feather', color_match=0.5))
    assert "mode='feather'" in repr(blending)
    assert 'color_match=0.5' in repr(blending)


@pytest.mark.parametrize(('options', 'message'), [
    (dict(mode='soft'), "`mode` must be one of .* got 'soft'"),
    (dict(feather_px=0), '`feather_px` must be positive, got 0'),
    (dict(feather_px=float('nan')), '`feather_px` must be positive, got nan'),
    (dict(color_match=1.5), '`color_match` must lie .* got 1.5'),
    (dict(shadow=-1), '`shadow` must lie .* got -1'),
])
def test_wrong_options__are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        OutlierBlending(**options)
