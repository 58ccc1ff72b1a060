"""Scenes are deterministic and hold what they promise."""
import time

import numpy as np
import pytest

from mmseg_anomaly.datasets.synthetic_roads.dataset import (
    CLASSES,
    PALETTE,
    ROAD,
    SKY,
)
from road_world import scene as scene_module
from road_world.scene import (
    _overlap,
    add_strange_objects,
    draw_scene,
)


def _scene(seed, image_hw=(64, 128)):
    return draw_scene(image_hw, np.random.default_rng(seed))


def test_scene__equal_seeds_give_equal_pixels():
    one, same, other = _scene(1), _scene(1), _scene(2)
    assert np.array_equal(one.image, same.image)
    assert np.array_equal(one.label, same.label)
    assert not np.array_equal(one.label, other.label)


def test_scene__sizes_types_and_places():
    scene = _scene(3, (48, 80))
    assert scene.image.shape == (48, 80, 3)
    assert scene.label.shape == (48, 80)
    assert scene.image.dtype == scene.label.dtype == np.uint8
    assert (scene.label[-1] == ROAD).mean() > 0.5
    assert (scene.label[0] == SKY).any()


def test_scene__every_class_occurs():
    ids = np.unique(np.stack([_scene(seed).label for seed in range(8)]))
    assert ids.tolist() == list(range(len(CLASSES)))
    assert len(PALETTE) == len(CLASSES)


def test_scene__is_drawn_quickly():
    start = time.process_time()
    for seed in range(3):
        _scene(seed, (128, 256))
    assert (time.process_time() - start) / 3 < 0.5  # 0.04 s when idle


def test_anomaly__image_changes_where_and_only_where_it_may():
    scene = _scene(4)
    image, label = add_strange_objects(scene, 2, np.random.default_rng(0))
    strange = label == 254
    assert 0.001 < strange.mean() < 0.5
    assert np.array_equal(label[~strange], scene.label[~strange])
    assert (image[strange] != scene.image[strange]).any(-1).mean() > 0.9
    above = slice(0, int(scene.camera.horizon_y) // 3)
    assert np.array_equal(image[above], scene.image[above])


def test_anomaly__less_than_half_a_pixel_is_not_labelled(monkeypatch):
    mask = np.zeros((96, 96), bool)
    mask[:, ::4] = True  # a quarter of each pixel once it is scaled down
    monkeypatch.setattr(
        scene_module, 'draw_strange_object', lambda *_: (
            np.full((96, 96, 3), 255, np.uint8), mask, 'grid'))
    scene = _scene(4)
    image, label = add_strange_objects(scene, 2, np.random.default_rng(0))
    assert not (label == 254).any()
    assert (image != scene.image).any()


def test_anomaly__none_asked_none_added():
    scene = _scene(4)
    image, label = add_strange_objects(scene, 0, np.random.default_rng(0))
    assert np.array_equal(image, scene.image)
    assert np.array_equal(label, scene.label)


@pytest.mark.parametrize('top_left, seen, part', [
    ((1, 2), (slice(1, 4), slice(2, 5)), (slice(0, 3), slice(0, 3))),
    ((-1, 8), (slice(0, 2), slice(8, 10)), (slice(1, 3), slice(0, 2))),
    ((-9, 20), (slice(0, 0), slice(20, 20)), (slice(9, 9), slice(0, 0))),
])
def test_overlap__square_may_leave_the_image(top_left, seen, part):
    assert _overlap(top_left, 3, (6, 10)) == (seen, part)
