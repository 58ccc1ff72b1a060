"""OutlierPaste goes on without broken objects, and says what fails."""
import logging

import numpy as np
import pytest

from mmseg_anomaly.datasets.outliers import BrokenImageError
from mmseg_anomaly.datasets.paste import OutlierPaste, outlier_paste


@pytest.fixture
def partly_broken(solid):
    """Return a class of sources of which some objects cannot be read."""

    class PartlyBroken:

        def __init__(self, broken, size=4):
            self.broken = broken
            self.size = size

        def __len__(self):
            return self.size

        def __getitem__(self, number):
            if number in self.broken:
                raise BrokenImageError(f'picture {number} is broken')
            return solid(9, 9, category=str(number))

    return PartlyBroken


def test_broken_objects__are_named_once_and_replaced(
        monkeypatch, paste_many, partly_broken):
    warnings = []
    monkeypatch.setattr(
        outlier_paste, 'print_log',
        lambda text, logger, level: warnings.append((level, text)))
    categories = [
        outlier['category']
        for _, after in paste_many(objects=partly_broken({0, 2}))
        for outlier in after['outliers']
    ]
    assert set(categories) == {'1', '3'} and len(categories) > 150
    assert sorted(warnings) == [
        (logging.WARNING,
         f'OutlierPaste goes on without object {number}: picture {number} is '
         'broken') for number in (0, 2)]


def test_broken_objects__leave_no_trace_in_later_draws(scene, partly_broken):
    fresh = OutlierPaste(partly_broken({0, 2}))
    used = OutlierPaste(partly_broken({0, 2}))
    data = scene()
    for seed in range(20):
        used.paste(data['img'], data['gt_seg_map'],
                   np.random.default_rng(seed))
    first, second = (
        transform.paste(data['img'], data['gt_seg_map'],
                        np.random.default_rng(99))
        for transform in (fresh, used))
    assert first.outliers == second.outliers


def test_source_without_a_readable_object__stops(paste_many, partly_broken):
    with pytest.raises(ValueError, match='none of 2 objects .*is broken'):
        list(paste_many(objects=partly_broken({0, 1}, size=2)))


def test_large_source_without_a_readable_object__stops_soon(
        paste_many, partly_broken):
    source = partly_broken(set(range(10_000)), size=10_000)
    with pytest.raises(ValueError, match='none of 100 objects .*is broken'):
        list(paste_many(objects=source))


def test_hundred_broken_objects__do_not_stop_a_training_that_has_others(
        partly_broken):
    transform = OutlierPaste(partly_broken(set(range(1, 10_000)), size=10_000))
    assert transform._read(0) is not None
    assert all(transform._read(number) is None for number in range(1, 200))


def test_road_that_no_image_shows__is_told_once_and_reads_nothing(
        monkeypatch, paste_many, partly_broken):
    warnings = []
    monkeypatch.setattr(outlier_paste, 'print_log',
                        lambda text, **_: warnings.append(text))
    placement = dict(type='RoadPlacement', road_classes=[7])
    unreadable = partly_broken({0, 1, 2, 3})
    for _, after in paste_many(150, objects=unreadable, placement=placement):
        assert after['outliers'] == [] and after['outliers_skipped'] > 0
    assert len(warnings) == 1
    assert 'pasted no object in 100 images' in warnings[0]
    assert 'road_classes=[7]' in warnings[0]


def test_images_with_objects_now_and_then__bring_no_warning(
        monkeypatch, scene, objects):
    warnings = []
    monkeypatch.setattr(outlier_paste, 'print_log',
                        lambda text, **_: warnings.append(text))
    transform = OutlierPaste(objects, paste_probability=1.0, placement=dict(
        type='RoadPlacement', road_classes=[7], min_base_cover=0.0))
    empty, road = scene(), scene()
    road['gt_seg_map'][:] = 7
    for data in (road, *[empty] * 150):
        transform(dict(data))
    assert warnings == []


def test_corrupt_file__does_not_stop_a_training_that_has_others(
        make_coco, paste_many):
    root = make_coco([
        dict(image=name, category='toy', box=(3, 4, 30, 40)) for name in 'ab'
    ])
    (root / 'images' / 'a.png').write_bytes(b'no image')
    source = dict(type='CocoOutliers', ann_file=str(root / 'instances.json'),
                  data_prefix=dict(img_path=str(root / 'images')))
    images = {
        outlier['origin']['image']
        for _, after in paste_many(20, objects=source)
        for outlier in after['outliers']
    }
    assert images == {'b.png'}


def test_object_that_fits_nowhere__is_skipped_and_counted(paste_many):
    placement = dict(type='UniformPlacement', protected_classes=[0, 1, 2])
    for before, after in paste_many(
            5, placement=placement, min_objects=2, max_objects=2):
        assert after['outliers'] == [] and after['outliers_skipped'] == 2
        np.testing.assert_array_equal(before['img'], after['img'])


def test_nothing_skipped__is_counted_too(paste_many):
    _, after = next(paste_many(min_objects=3))
    assert after['outliers_skipped'] == 0
