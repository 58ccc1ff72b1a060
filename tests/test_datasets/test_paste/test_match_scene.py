import cv2
import numpy as np
import pytest

from mmseg_anomaly.datasets.paste.match_scene import (
    add_noise_as_in,
    blur_as_in,
    estimate_noise,
    extend_colors,
    match_lab,
)


def noisy(size_hw, mean, deviation, seed=0, channels=3):
    noise = np.random.default_rng(seed).normal(
        0, deviation, (*size_hw, channels)).repeat(3 // channels, axis=2)
    return np.clip(np.rint(mean + noise), 0, 255).astype(np.uint8)


def lab_mean(image, mask=...):
    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_BGR2Lab)
    return lab[mask].reshape(-1, 3).mean(axis=0)


@pytest.mark.parametrize('strength', [0.0, 0.5, 1.0])
def test_match_lab__moves_the_mean_by_degrees(strength):
    image = noisy((40, 40), (90, 120, 160), 5)
    scene = noisy((60, 60), (130, 110, 100), 5, seed=1)
    mask = np.zeros((40, 40), bool)
    mask[5:30, 5:30] = True
    matched = lab_mean(match_lab(image, mask, scene, strength), mask)
    expected = ((1 - strength) * lab_mean(image, mask)
                + strength * lab_mean(scene))
    np.testing.assert_allclose(matched, expected, atol=0.5)


def test_match_lab__sees_the_object_only():
    image = noisy((40, 40), 100, 5)
    mask = np.zeros((40, 40), bool)
    mask[10:20, 10:20] = True
    other = image.copy()
    other[~mask] = 255
    scene = noisy((60, 60), 50, 5)
    np.testing.assert_array_equal(
        match_lab(image, mask, scene, 1.0)[mask],
        match_lab(other, mask, scene, 1.0)[mask])


@pytest.mark.parametrize(('own', 'expected'), [(10, 15), (4, 8), (40, 20)])
def test_match_lab__bounds_the_gain_of_contrast(own, expected):
    matched = match_lab(
        noisy((60, 60), 120, own, channels=1), np.ones((60, 60), bool),
        noisy((60, 60), 120, 15, seed=1, channels=1), 1.0)
    assert abs(matched.std() - expected) < 1.5


@pytest.mark.parametrize(('strength', 'expected'), [
    (0.0, 10), (0.5, 10 * 1.5**0.5), (1.0, 15)])
def test_match_lab__moves_the_contrast_by_degrees(strength, expected):
    matched = match_lab(
        noisy((60, 60), 120, 10, channels=1), np.ones((60, 60), bool),
        noisy((60, 60), 120, 15, seed=1, channels=1), strength)
    assert abs(matched.std() - expected) < 0.7




def test_sharp_object__is_blurred_to_its_scene():
    sharp = noisy((60, 60), 120, 30)
    scene = cv2.GaussianBlur(sharp, (0, 0), 1.0)
    mask = np.ones((60, 60), bool)
    np.testing.assert_array_equal(
        blur_as_in(sharp, mask, scene), scene)
    np.testing.assert_array_equal(blur_as_in(scene, mask, sharp), scene)


def test_blur__brings_no_background_in():
    image = noisy((40, 40), 100, 30)
    mask = np.zeros((40, 40), bool)
    mask[10:30, 10:30] = True
    other = image.copy()
    other[~mask] = 255
    flat = np.full((60, 60, 3), 100, np.uint8)
    np.testing.assert_array_equal(
        blur_as_in(image, mask, flat)[mask],
        blur_as_in(other, mask, flat)[mask])


@pytest.mark.parametrize('deviation', [2, 5, 10])
def test_noise__is_estimated(deviation):
    image = noisy((100, 100), 120, deviation)
    assert abs(estimate_noise(image) - deviation) < 0.1 * deviation + 0.2
    ramp = image + np.arange(100, dtype=np.uint8)[:, None]
    assert abs(estimate_noise(ramp) - deviation) < 0.1 * deviation + 0.2


@pytest.mark.parametrize(('own', 'expected'), [(0, 8), (6, 8), (12, 12)])
def test_missing_noise__is_added(own, expected):
    result = add_noise_as_in(
        noisy((80, 80), 120, own), np.ones((80, 80), bool),
        noisy((80, 80), 120, 8, seed=1), np.random.default_rng(2))
    assert abs(result.std() - expected) < 1


def test_extended_colours__are_those_of_the_nearest_pixel():
    image = np.zeros((3, 6, 3), np.uint8)
    image[1, 1], image[1, 4] = 10, 20
    mask = np.zeros((3, 6), bool)
    mask[1, [1, 4]] = True
    extended = extend_colors(image, mask)
    assert extended[..., 0].tolist() == [[10, 10, 10, 20, 20, 20]] * 3
    full = np.ones((3, 6), bool)
    assert extend_colors(image, full) is image
