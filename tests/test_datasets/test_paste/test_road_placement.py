import numpy as np
import pytest
from mmseg.registry import TASK_UTILS

from mmseg_anomaly.datasets.outliers import Cutout
from mmseg_anomaly.datasets.paste import RoadPlacement
from mmseg_anomaly.datasets.paste.road_placement import (
    base_of,
    estimate_horizon,
    first_row_of_size,
    size_at_row,
)
from road_world.scene import draw_scene

ROAD, SKY, PERSON = 0, 1, 2
HORIZON = 30


def road_label():
    """Return (100, 160) sky above a road from row 30 on, with a person."""
    label = np.full((100, 160), SKY, np.uint8)
    for row in range(HORIZON, 100):
        half = row - HORIZON
        label[row, max(0, 80 - half):80 + half + 1] = ROAD
    label[50:80, 75:85] = PERSON
    return label


def solid(height, width):
    return Cutout(
        np.full((height, width, 3), 200, np.uint8),
        np.full((height, width), 255, np.uint8), 'box')


def place_many(cutout, draws=200, scale=0.2, **options):
    """Yield what was placed, each in a fresh scene."""
    placement = RoadPlacement([ROAD], **options)
    generator = np.random.default_rng(0)
    for _ in range(draws):
        placed = placement.place(
            cutout, scale, placement.scene(road_label()), generator)
        if placed is not None:
            yield placed


def test_base__is_the_lowest_twentieth():
    mask = np.ones((42, 3), bool)
    mask[40:] = False
    assert np.flatnonzero(base_of(mask).any(axis=1)).tolist() == [38, 39]
    assert base_of(np.ones((3, 2), bool)).tolist() == [
        [False] * 2, [False] * 2, [True] * 2]


def test_foot__stands_on_the_road_and_the_object_in_the_image():
    label, rows = road_label(), set()
    for placed in place_many(solid(30, 30), min_base_cover=1.0):
        box_rows, box_columns = placed.window()
        assert box_rows.start >= 0 and box_rows.stop <= 100
        assert box_columns.start >= 0 and box_columns.stop <= 160
        assert (label[box_rows.stop - 1, box_columns] == ROAD).all()
        rows.add(box_rows.stop - 1)
    assert len(rows) > 30


def test_base_cover__may_be_partial():
    label = road_label()
    shares = [
        (label[placed.window()][-1] == ROAD).mean()
        for placed in place_many(solid(30, 30), min_base_cover=0.5)
    ]
    assert 0.5 <= min(shares) < 0.7 and max(shares) == 1


def test_protected_class__is_never_covered():
    label = road_label()
    free = list(place_many(solid(30, 30)))
    assert any((label[item.window()] == PERSON).any() for item in free)
    for placed in place_many(solid(30, 30), protected_classes=[PERSON]):
        assert not (label[placed.window()] == PERSON).any()


def test_perspective__makes_size_follow_the_row():
    sizes = {}
    for placed in place_many(solid(30, 30), scale=0.4, perspective=True,
                             horizon=HORIZON / 99, min_size_px=5):
        rows, columns = placed.window()
        foot = rows.stop - 1
        expected = round(40 * (foot - HORIZON) / (99 - HORIZON))
        assert columns.stop - columns.start == expected >= 5
        sizes[foot] = expected
    assert min(sizes.values()) < 12 and max(sizes.values()) > 30
    feet = sorted(sizes)
    assert all(sizes[low] <= sizes[high]
               for low, high in zip(feet, feet[1:], strict=False))


def test_estimated_horizon__is_where_the_road_ends():
    placement = RoadPlacement([ROAD], perspective=True)
    assert placement.scene(road_label()).horizon == HORIZON + 1  # 2 px wide
    assert RoadPlacement([ROAD]).scene(road_label()).horizon is None


def test_covered_road__has_a_limit():
    placement = RoadPlacement([ROAD], max_road_cover=0.1, min_base_cover=0)
    scene, generator = placement.scene(road_label()), np.random.default_rng(0)
    covered = np.zeros((100, 160), bool)
    results = [placement.place(solid(20, 20), 0.2, scene, generator)
               for _ in range(40)]
    for placed in filter(None, results):
        covered[placed.window()] = True
    road = road_label() == ROAD
    share = (covered & road).sum() / road.sum()
    assert 0.05 < share <= 0.1
    assert share == pytest.approx(scene.num_covered / scene.num_road)
    assert results[-1] is None


def test_covered_road__may_reach_its_limit():
    label = np.full((20, 20), SKY, np.uint8)
    label[10:] = ROAD  # of which the object covers half in the last row
    placement = RoadPlacement([ROAD], max_road_cover=0.5)
    generator = np.random.default_rng(0)
    tops = {placement.place(solid(10, 10), 0.5, placement.scene(label),
                            generator).top for _ in range(100)}
    assert max(tops) == 10




def test_image_without_road__gets_nothing():
    sky = np.full((20, 20), SKY, np.uint8)
    for options in (dict(), dict(perspective=True)):
        placement = RoadPlacement([ROAD], **options)
        assert placement.place(solid(3, 3), 0.2, placement.scene(sky),
                               np.random.default_rng(0)) is None


def test_vanishing_object__is_given_up():
    hair = solid(9, 9)
    hair.alpha[:] = 100
    assert list(place_many(hair, 3)) == []


@pytest.mark.parametrize('seed', range(4))
def test_generated_road__shows_its_horizon(seed):
    scene = draw_scene((120, 160), np.random.default_rng(seed))
    placement = RoadPlacement([0], perspective=True)
    horizon = placement.scene(scene.label).horizon
    assert -1 <= horizon - scene.camera.horizon_y <= 0.06 * 120


def test_config__builds_and_prints():
    placement = TASK_UTILS.build(
        dict(type='RoadPlacement', road_classes=[0, 1],
             protected_classes=[11], perspective=True))
    assert 'road_classes=[0, 1], protected_classes=[11]' in repr(placement)


def test_single_class__is_taken_as_a_list_of_one():
    assert 'road_classes=[3], protected_classes=[4]' in repr(
        RoadPlacement(3, 4))


@pytest.mark.parametrize(('options', 'message'), [
    (dict(road_classes=[]), 'must name an id'),
    (dict(road_classes=['road']),
     r"`road_classes` must be class ids .* got \['road'\]"),
    (dict(min_base_cover=1.1), '`min_base_cover` must lie .* got 1.1'),
    (dict(max_road_cover=-0.1), '`max_road_cover` must lie .* got -0.1'),
    (dict(horizon=2.0, perspective=True), '`horizon` must lie .* got 2.0'),
    (dict(horizon=0.4), '`horizon` has no effect'),
    (dict(max_tries=0), '`max_tries` must be at least 1'),
])
def test_wrong_options__are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        RoadPlacement(**{'road_classes': [ROAD], **options})


def test_labels_of_another_dtype__are_refused():
    with pytest.raises(ValueError, match='labels of uint8, got int64'):
        RoadPlacement([ROAD]).scene(road_label().astype(np.int64))


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
