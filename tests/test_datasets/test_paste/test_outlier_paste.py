"""Objects are pasted, labelled and recorded as OutlierPaste says."""
import pickle

import numpy as np
import pytest
from mmcv.transforms.utils import cache_random_params
from mmseg.registry import TRANSFORMS

from mmseg_anomaly.datasets.outliers import Cutout
from mmseg_anomaly.datasets.paste import OutlierPaste
from mmseg_anomaly.labels import IGNORE_INDEX, OUTLIER_INDEX


def test_label__is_exactly_the_pixels_that_changed(paste_many):
    for before, after in paste_many():
        changed = (before['img'] != after['img']).any(axis=2)
        np.testing.assert_array_equal(
            changed, after['gt_seg_map'] == OUTLIER_INDEX)
        assert (after['img'][changed] == 200).all()


def test_labels_outside_objects__stay(paste_many):
    for before, after in paste_many():
        outside = after['gt_seg_map'] != OUTLIER_INDEX
        np.testing.assert_array_equal(before['gt_seg_map'][outside],
                                      after['gt_seg_map'][outside])


def test_void__survives_beside_and_vanishes_under_objects(paste_many):
    for before, after in paste_many(20, min_scale=0.5, max_scale=0.9):
        void = before['gt_seg_map'] == IGNORE_INDEX
        covered = (after['img'] == 200).all(axis=2)
        assert (void & covered).any()
        np.testing.assert_array_equal(
            after['gt_seg_map'] == IGNORE_INDEX, void & ~covered)


def test_overlapping_objects__are_all_labelled(solid, paste_many):
    seen_overlap = False
    for _, after in paste_many(
            objects=[solid(9, 9)], min_objects=2, max_objects=2,
            min_scale=0.8, max_scale=0.8):
        expected = np.zeros((48, 80), bool)
        for outlier in after['outliers']:
            left, top, right, bottom = outlier['box_xyxy']
            seen_overlap |= expected[top:bottom, left:right].any()
            expected[top:bottom, left:right] = True
        np.testing.assert_array_equal(
            after['gt_seg_map'] == OUTLIER_INDEX, expected)
    assert seen_overlap


@pytest.mark.parametrize('size_hw', [(9, 200), (200, 9), (33, 33), (1, 1)])
def test_largest_objects__stay_inside_the_image(size_hw, scene, paste_many):
    for _, after in paste_many(
            30, make_scene=lambda: scene(*size_hw), min_scale=1.0,
            max_scale=1.0):
        assert after['img'].shape == (*size_hw, 3)
        for outlier in after['outliers']:
            left, top, right, bottom = outlier['box_xyxy']
            assert 0 <= left < right <= size_hw[1]
            assert 0 <= top < bottom <= size_hw[0]
            assert max(right - left, bottom - top) == min(size_hw)


def test_scale__is_longer_side_by_shorter_image_side(scene, paste_many):
    scales = []
    for _, after in paste_many(200, make_scene=lambda: scene(100, 150)):
        for outlier in after['outliers']:
            left, top, right, bottom = outlier['box_xyxy']
            longer_side = max(right - left, bottom - top)
            assert longer_side == round(100 * outlier['scale'])
            scales.append(longer_side)
    assert min(scales) in (10, 11) and max(scales) in (29, 30)


def test_number_of_objects__takes_every_value_of_its_range(paste_many):
    counts = [
        len(after['outliers'])
        for _, after in paste_many(min_objects=2, max_objects=4)
    ]
    assert set(counts) == {2, 3, 4}


def test_record__says_what_was_pasted(solid, paste_many):
    _, after = next(paste_many(objects=[
        Cutout(**{**vars(solid(4, 4)), 'origin': dict(image_id=7)})
    ], max_objects=1, min_scale=0.25, max_scale=0.25))
    record, = after['outliers']
    assert record['category'] == 'box'
    assert record['origin'] == dict(image_id=7)
    assert record['num_pixels'] == 12 * 12
    assert record['scale'] == 0.25


def test_probability__is_the_share_of_images_with_objects(scene, objects):
    transform = OutlierPaste(objects)
    np.random.seed(0)
    pasted = [bool(transform(scene())['outliers']) for _ in range(400)]
    assert abs(np.mean(pasted) - 0.5) < 0.1  # 4 standard deviations


def test_no_paste__changes_nothing(scene, objects):
    after = OutlierPaste(objects, paste_probability=0.0)(scene())
    np.testing.assert_array_equal(after['img'], scene()['img'])
    np.testing.assert_array_equal(after['gt_seg_map'], scene()['gt_seg_map'])
    assert after['outliers'] == []


def test_arrays_given__are_not_written_to(scene, objects):
    before = scene()
    img, seg_label = before['img'], before['gt_seg_map']
    img.flags.writeable = seg_label.flags.writeable = False
    after = OutlierPaste(objects, paste_probability=1.0)(before)
    assert after['img'] is not img and after['gt_seg_map'] is not seg_label


def test_same_seed__gives_same_pixels(paste_many):
    runs = [[after for _, after in paste_many(10)] for _ in range(2)]
    for first, second in zip(*runs, strict=True):
        np.testing.assert_array_equal(first['img'], second['img'])
        assert first['outliers'] == second['outliers']
    assert (runs[0][0]['img'] != runs[0][1]['img']).any()


def test_cached_randomness__repeats_the_paste(scene, objects):
    transform = OutlierPaste(objects, paste_probability=1.0)
    with cache_random_params(transform):
        first, second = transform(scene()), transform(scene())
    np.testing.assert_array_equal(first['img'], second['img'])


def test_generator__decides_everything(scene, objects):
    transform = OutlierPaste(objects)
    data = scene()
    first, second = (
        transform.paste(data['img'], data['gt_seg_map'],
                        np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first[0], second[0])
    assert first[2] == second[2]


def test_vanishing_object__is_replaced_by_another(paste_many, objects, circle):
    counts = [
        len(after['outliers'])
        for _, after in paste_many(objects=[circle(1), objects[0]])
    ]
    assert set(counts) == {1, 2, 3}


def test_source_of_vanishing_objects__pastes_none(paste_many, circle):
    for before, after in paste_many(5, objects=[circle(1)]):
        assert after['outliers'] == []
        np.testing.assert_array_equal(before['img'], after['img'])


def test_config__builds_with_real_coco_and_pickles(make_coco, scene):
    root = make_coco([dict(image='a', category='toy', box=(3, 4, 30, 40))])
    transform = TRANSFORMS.build(
        dict(
            type='OutlierPaste',
            source=dict(
                type='CocoOutliers',
                data_root=str(root),
                ann_file='instances.json',
                data_prefix=dict(img_path='images')),
            paste_probability=1.0))
    np.random.seed(1)
    first = transform(scene())
    np.random.seed(1)
    second = pickle.loads(pickle.dumps(transform))(scene())
    np.testing.assert_array_equal(first['img'], second['img'])
    assert first['outliers'][0]['category'] == 'toy'
    assert 'objects=1' in repr(transform) and 'max_scale=0.3' in repr(
        transform)


@pytest.mark.parametrize(('options', 'message'), [
    (dict(paste_probability=1.5), r'lie in \[0, 1\], got 1.5'),
    (dict(min_objects=0), '`min_objects` must be at least 1, got 0'),
    (dict(min_objects=4), '`min_objects` .* `max_objects`, got 4 and 3'),
    (dict(min_scale=0.0), r'`min_scale` must lie in \(0, 1\], got 0.0'),
    (dict(min_scale=0.4), '`min_scale` .* `max_scale`, got 0.4 and 0.3'),
    (dict(max_scale=1.1), r'`max_scale` must lie in \(0, 1\], got 1.1'),
])
def test_wrong_ranges__are_refused(options, message, objects):
    with pytest.raises(ValueError, match=message):
        OutlierPaste(objects, **options)


@pytest.mark.parametrize(('change', 'message'), [
    (lambda data: data.pop('gt_seg_map'), 'needs `gt_seg_map`'),
    (lambda data: data['seg_fields'].append('gt_edge_map'), 'gt_edge_map'),
    (lambda data: data.update(img=data['img'].astype(np.float32)),
     'uint8 image, got .* float32'),
    (lambda data: data.update(img=data['img'][..., 0]), r'got \(48, 80\)'),
    (lambda data: data.update(gt_seg_map=data['gt_seg_map'][1:]),
     r'labels \(47, 80\)'),
])
def test_wrong_results__are_refused(change, message, scene, objects):
    data = scene()
    change(data)
    with pytest.raises(ValueError, match=message):
        OutlierPaste(objects)(data)


def test_empty_source__is_refused():
    with pytest.raises(ValueError, match='no object to paste'):
        OutlierPaste([])


def test_seed__keeps_its_places(solid):
    # from the first release on: test sets were made by seeds
    result = OutlierPaste([solid(20, 50), solid(90, 3)]).paste(
        np.zeros((48, 80, 3), np.uint8), np.zeros((48, 80), np.uint8),
        np.random.default_rng(3))
    assert [outlier['box_xyxy'] for outlier in result.outliers] == [
        [59, 8, 66, 11], [26, 25, 27, 31], [11, 11, 20, 15]]
