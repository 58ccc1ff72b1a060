import numpy as np
import pytest
from mmseg.registry import TASK_UTILS

from mmseg_anomaly.datasets.outliers import Cutout
from mmseg_anomaly.datasets.paste import UniformPlacement
from mmseg_anomaly.datasets.paste.placement import uniform_placement


def solid(height, width):
    return Cutout(
        np.full((height, width, 3), 200, np.uint8),
        np.full((height, width), 255, np.uint8), 'box')


def test_uniform_placement__reaches_every_place_equally_often():
    generator = np.random.default_rng(0)
    places = [
        uniform_placement((4, 5), (3, 3), generator) for _ in range(3000)
    ]
    found, counts = np.unique(places, axis=0, return_counts=True)
    assert found.tolist() == [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]
    assert (abs(counts - 500) < 100).all()  # 5 standard deviations


def test_object_as_large_as_the_image__has_one_place():
    generator = np.random.default_rng(0)
    assert uniform_placement((4, 5), (4, 5), generator) == (0, 0)


def test_protected_class__is_never_covered():
    placement = TASK_UTILS.build(
        dict(type='UniformPlacement', protected_classes=[3]))
    label = np.zeros((20, 30), np.uint8)
    label[:, 15] = 3
    scene = placement.scene(label)
    generator = np.random.default_rng(0)
    placed = [placement.place(solid(8, 8), 0.4, scene, generator)
              for _ in range(100)]
    for item in filter(None, placed):
        assert not (label[item.window()] == 3).any()
    assert sum(item is not None for item in placed) > 90
    assert 'protected_classes=[3]' in repr(placement)


def test_object_that_fits_nowhere__is_given_up():
    placement = UniformPlacement(protected_classes=[0], max_tries=3)
    scene = placement.scene(np.zeros((20, 30), np.uint8))
    assert placement.place(
        solid(8, 8), 0.4, scene, np.random.default_rng(0)) is None


def test_single_class__is_taken_as_a_list_of_one():
    one, listed = UniformPlacement(3), UniformPlacement([3])
    np.testing.assert_array_equal(one.protected, listed.protected)
    assert one.protected.sum() == one.protected[3] == 1


@pytest.mark.parametrize(('options', 'message'), [
    (dict(max_tries=0), '`max_tries` must be at least 1, got 0'),
    (dict(protected_classes=[300]),
     r'`protected_classes` must be .* between 0 and 255, got \[300\]'),
    (dict(protected_classes=-1), 'between 0 and 255, got -1'),
    (dict(protected_classes='car'), "between 0 and 255, got 'car'"),
    (dict(protected_classes=[1.5]), r'between 0 and 255, got \[1.5\]'),
    (dict(protected_classes=None), 'between 0 and 255, got None'),
])
def test_wrong_options__are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        UniformPlacement(**options)
