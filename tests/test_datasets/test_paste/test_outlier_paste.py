import logging
import pickle

import cv2
import numpy as np
import pytest
from mmcv.transforms.utils import cache_random_params
from mmseg.registry import TRANSFORMS
from torch.utils.data import DataLoader, Dataset

from mmseg_anomaly.datasets.outliers import (
    BrokenImageError,
    Cutout,
    SyntheticOutliers,
)
from mmseg_anomaly.datasets.outliers.packed import encode_cutout, write_pack
from mmseg_anomaly.datasets.paste import (
    OutlierPaste,
    RoadPlacement,
    outlier_paste,
)
from mmseg_anomaly.labels import IGNORE_INDEX, OUTLIER_INDEX


def solid(height, width, category='box'):
    """Return a brighter object than any scene of this module."""
    return Cutout(
        np.full((height, width, 3), 200, np.uint8),
        np.full((height, width), 255, np.uint8), category)


def drawn(thickness):
    """Return a circle in a field of bright scene it must not bring along."""
    alpha = np.zeros((120, 90), np.uint8)
    cv2.circle(alpha, (45, 60), 40, 255, thickness)
    rows, columns = np.ix_(alpha.any(axis=1), alpha.any(axis=0))
    alpha = alpha[rows, columns]
    return Cutout(
        np.where(alpha[..., None] > 0, np.uint8(200),
                 np.uint8(120)).repeat(3, axis=2), alpha, 'circle')


OBJECTS = [solid(20, 50), drawn(-1), drawn(15), solid(90, 3)]


def scene(height=48, width=80):
    """Return a dark scene with classes 0 to 2 and void."""
    generator = np.random.default_rng(0)
    return dict(
        img=generator.integers(
            100, size=(height, width, 3), dtype=np.uint8),
        gt_seg_map=generator.choice(
            np.array([0, 1, 2, IGNORE_INDEX], np.uint8), (height, width)),
        seg_fields=['gt_seg_map'])


def paste_many(draws=100, objects=OBJECTS, make_scene=scene, **options):
    """Yield (before, after) with a fresh scene for each draw."""
    transform = OutlierPaste(objects, paste_probability=1.0, **options)
    np.random.seed(0)
    for _ in range(draws):
        yield make_scene(), transform(make_scene())


def test_label__is_exactly_the_pixels_that_changed():
    for before, after in paste_many():
        changed = (before['img'] != after['img']).any(axis=2)
        np.testing.assert_array_equal(
            changed, after['gt_seg_map'] == OUTLIER_INDEX)
        assert (after['img'][changed] == 200).all()


def test_labels_outside_objects__stay():
    for before, after in paste_many():
        outside = after['gt_seg_map'] != OUTLIER_INDEX
        np.testing.assert_array_equal(before['gt_seg_map'][outside],
                                      after['gt_seg_map'][outside])


def test_void__survives_beside_and_vanishes_under_objects():
    for before, after in paste_many(20, min_scale=0.5, max_scale=0.9):
        void = before['gt_seg_map'] == IGNORE_INDEX
        covered = (after['img'] == 200).all(axis=2)
        assert (void & covered).any()
        np.testing.assert_array_equal(
            after['gt_seg_map'] == IGNORE_INDEX, void & ~covered)


def test_overlapping_objects__are_all_labelled():
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
def test_largest_objects__stay_inside_the_image(size_hw):
    for _, after in paste_many(
            30, make_scene=lambda: scene(*size_hw), min_scale=1.0,
            max_scale=1.0):
        assert after['img'].shape == (*size_hw, 3)
        for outlier in after['outliers']:
            left, top, right, bottom = outlier['box_xyxy']
            assert 0 <= left < right <= size_hw[1]
            assert 0 <= top < bottom <= size_hw[0]
            assert max(right - left, bottom - top) == min(size_hw)


def test_scale__is_longer_side_by_shorter_image_side():
    scales = []
    for _, after in paste_many(200, make_scene=lambda: scene(100, 150)):
        for outlier in after['outliers']:
            left, top, right, bottom = outlier['box_xyxy']
            longer_side = max(right - left, bottom - top)
            assert longer_side == round(100 * outlier['scale'])
            scales.append(longer_side)
    assert min(scales) in (10, 11) and max(scales) in (29, 30)


def test_number_of_objects__takes_every_value_of_its_range():
    counts = [
        len(after['outliers'])
        for _, after in paste_many(min_objects=2, max_objects=4)
    ]
    assert set(counts) == {2, 3, 4}


def test_record__says_what_was_pasted():
    _, after = next(paste_many(objects=[
        Cutout(**{**vars(solid(4, 4)), 'origin': dict(image_id=7)})
    ], max_objects=1, min_scale=0.25, max_scale=0.25))
    record, = after['outliers']
    assert record['category'] == 'box'
    assert record['origin'] == dict(image_id=7)
    assert record['num_pixels'] == 12 * 12
    assert record['scale'] == 0.25


def test_probability__is_the_share_of_images_with_objects():
    transform = OutlierPaste(OBJECTS)
    np.random.seed(0)
    pasted = [bool(transform(scene())['outliers']) for _ in range(400)]
    assert abs(np.mean(pasted) - 0.5) < 0.1  # 4 standard deviations


def test_no_paste__changes_nothing():
    after = OutlierPaste(OBJECTS, paste_probability=0.0)(scene())
    np.testing.assert_array_equal(after['img'], scene()['img'])
    np.testing.assert_array_equal(after['gt_seg_map'], scene()['gt_seg_map'])
    assert after['outliers'] == []


def test_arrays_given__are_not_written_to():
    before = scene()
    img, seg_label = before['img'], before['gt_seg_map']
    img.flags.writeable = seg_label.flags.writeable = False
    after = OutlierPaste(OBJECTS, paste_probability=1.0)(before)
    assert after['img'] is not img and after['gt_seg_map'] is not seg_label


def test_same_seed__gives_same_pixels():
    runs = [[after for _, after in paste_many(10)] for _ in range(2)]
    for first, second in zip(*runs, strict=True):
        np.testing.assert_array_equal(first['img'], second['img'])
        assert first['outliers'] == second['outliers']
    assert (runs[0][0]['img'] != runs[0][1]['img']).any()


def test_cached_randomness__repeats_the_paste():
    transform = OutlierPaste(OBJECTS, paste_probability=1.0)
    with cache_random_params(transform):
        first, second = transform(scene()), transform(scene())
    np.testing.assert_array_equal(first['img'], second['img'])


def test_generator__decides_everything():
    transform = OutlierPaste(OBJECTS)
    data = scene()
    first, second = (
        transform.paste(data['img'], data['gt_seg_map'],
                        np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first[0], second[0])
    assert first[2] == second[2]


def test_vanishing_object__is_replaced_by_another():
    counts = [
        len(after['outliers'])
        for _, after in paste_many(objects=[drawn(1), OBJECTS[0]])
    ]
    assert set(counts) == {1, 2, 3}


def test_source_of_vanishing_objects__pastes_none():
    for before, after in paste_many(5, objects=[drawn(1)]):
        assert after['outliers'] == []
        np.testing.assert_array_equal(before['img'], after['img'])


def test_config__builds_with_real_coco_and_pickles(make_coco):
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
    (dict(paste_probability=1.5), 'between 0 and 1, got 1.5'),
    (dict(min_objects=0), 'got 0 and 3'),
    (dict(min_objects=4), 'got 4 and 3'),
    (dict(min_scale=0.0), 'got 0.0 and 0.3'),
    (dict(min_scale=0.4), 'got 0.4 and 0.3'),
    (dict(max_scale=1.1), 'got 0.1 and 1.1'),
])
def test_wrong_ranges__are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        OutlierPaste(OBJECTS, **options)


@pytest.mark.parametrize(('change', 'message'), [
    (lambda data: data.pop('gt_seg_map'), 'needs `gt_seg_map`'),
    (lambda data: data['seg_fields'].append('gt_edge_map'), 'gt_edge_map'),
    (lambda data: data.update(img=data['img'].astype(np.float32)),
     'uint8 image, got .* float32'),
    (lambda data: data.update(img=data['img'][..., 0]), r'got \(48, 80\)'),
    (lambda data: data.update(gt_seg_map=data['gt_seg_map'][1:]),
     r'labels \(47, 80\)'),
])
def test_wrong_results__are_refused(change, message):
    data = scene()
    change(data)
    with pytest.raises(ValueError, match=message):
        OutlierPaste(OBJECTS)(data)


def test_empty_source__is_refused():
    with pytest.raises(ValueError, match='no object to paste'):
        OutlierPaste([])


def test_seed__keeps_its_places():
    # from the first release on: test sets were made by seeds
    result = OutlierPaste([solid(20, 50), solid(90, 3)]).paste(
        np.zeros((48, 80, 3), np.uint8), np.zeros((48, 80), np.uint8),
        np.random.default_rng(3))
    assert [outlier['box_xyxy'] for outlier in result.outliers] == [
        [59, 8, 66, 11], [26, 25, 27, 31], [11, 11, 20, 15]]


class PartlyBroken:
    """A source of which some objects cannot be read."""

    def __init__(self, broken, size=4):
        self.broken = broken
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, number):
        if number in self.broken:
            raise BrokenImageError(f'picture {number} is broken')
        return solid(9, 9, category=str(number))


def test_broken_objects__are_named_once_and_replaced(monkeypatch):
    warnings = []
    monkeypatch.setattr(
        outlier_paste, 'print_log',
        lambda text, logger, level: warnings.append((level, text)))
    categories = [
        outlier['category']
        for _, after in paste_many(objects=PartlyBroken({0, 2}))
        for outlier in after['outliers']
    ]
    assert set(categories) == {'1', '3'} and len(categories) > 150
    assert sorted(warnings) == [
        (logging.WARNING,
         f'OutlierPaste goes on without object {number}: picture {number} is '
         'broken') for number in (0, 2)]


def test_broken_objects__leave_no_trace_in_later_draws():
    fresh = OutlierPaste(PartlyBroken({0, 2}))
    used = OutlierPaste(PartlyBroken({0, 2}))
    data = scene()
    for seed in range(20):
        used.paste(data['img'], data['gt_seg_map'],
                   np.random.default_rng(seed))
    first, second = (
        transform.paste(data['img'], data['gt_seg_map'],
                        np.random.default_rng(99))
        for transform in (fresh, used))
    assert first.outliers == second.outliers


def test_source_without_a_readable_object__stops():
    with pytest.raises(ValueError, match='none of 2 objects .*is broken'):
        list(paste_many(objects=PartlyBroken({0, 1}, size=2)))


def test_large_source_without_a_readable_object__stops_soon():
    source = PartlyBroken(set(range(10_000)), size=10_000)
    with pytest.raises(ValueError, match='none of 100 objects .*is broken'):
        list(paste_many(objects=source))


def test_hundred_broken_objects__do_not_stop_a_training_that_has_others():
    transform = OutlierPaste(PartlyBroken(set(range(1, 10_000)), size=10_000))
    assert transform._read(0) is not None
    assert all(transform._read(number) is None for number in range(1, 200))


def test_road_that_no_image_shows__is_told_once_and_reads_nothing(monkeypatch):
    warnings = []
    monkeypatch.setattr(outlier_paste, 'print_log',
                        lambda text, **_: warnings.append(text))
    placement = dict(type='RoadPlacement', road_classes=[7])
    unreadable = PartlyBroken({0, 1, 2, 3})
    for _, after in paste_many(150, objects=unreadable, placement=placement):
        assert after['outliers'] == [] and after['outliers_skipped'] > 0
    assert len(warnings) == 1
    assert 'pasted no object in 100 images' in warnings[0]
    assert 'road_classes=[7]' in warnings[0]


def test_images_with_objects_now_and_then__bring_no_warning(monkeypatch):
    warnings = []
    monkeypatch.setattr(outlier_paste, 'print_log',
                        lambda text, **_: warnings.append(text))
    transform = OutlierPaste(OBJECTS, paste_probability=1.0, placement=dict(
        type='RoadPlacement', road_classes=[7], min_base_cover=0.0))
    empty, road = scene(), scene()
    road['gt_seg_map'][:] = 7
    for data in (road, *[empty] * 150):
        transform(dict(data))
    assert warnings == []


def test_corrupt_file__does_not_stop_a_training_that_has_others(make_coco):
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


def test_object_that_fits_nowhere__is_skipped_and_counted():
    placement = dict(type='UniformPlacement', protected_classes=[0, 1, 2])
    for before, after in paste_many(
            5, placement=placement, min_objects=2, max_objects=2):
        assert after['outliers'] == [] and after['outliers_skipped'] == 2
        np.testing.assert_array_equal(before['img'], after['img'])


def test_nothing_skipped__is_counted_too():
    _, after = next(paste_many(min_objects=3))
    assert after['outliers_skipped'] == 0


def road_scene():
    """Return a dark scene: void left, sky above road, a person on it."""
    img = scene(60, 100)['img']
    label = np.full((60, 100), 1, np.uint8)
    label[25:] = 0
    label[30:50, 60:70] = 2
    label[:, :9] = IGNORE_INDEX
    return dict(img=img, gt_seg_map=label, seg_fields=['gt_seg_map'])


PLACEMENTS = [
    None,
    dict(type='UniformPlacement', protected_classes=[2]),
    dict(type='RoadPlacement', road_classes=[0], protected_classes=[2]),
    dict(type='RoadPlacement', road_classes=[0], protected_classes=[2],
         perspective=True, min_size_px=4),
]
BLENDINGS = [
    None,
    dict(type='OutlierBlending', mode='feather', color_match=0.5),
    dict(type='OutlierBlending', mode='poisson', match_noise=True),
    dict(type='OutlierBlending', color_match=0.3, match_blur=True,
         match_noise=True),
]


@pytest.mark.parametrize('placement', PLACEMENTS)
@pytest.mark.parametrize('blending', BLENDINGS)
def test_what_must_hold__holds_for_many_draws(placement, blending):
    num_pasted = 0
    for before, after in paste_many(
            40, make_scene=road_scene, placement=placement, max_scale=0.6,
            blending=blending,
            objects=SyntheticOutliers(30, size_px=(30, 60))):
        pasted = after['gt_seg_map'] == OUTLIER_INDEX
        np.testing.assert_array_equal(after['img'][~pasted],
                                      before['img'][~pasted])
        np.testing.assert_array_equal(after['gt_seg_map'][~pasted],
                                      before['gt_seg_map'][~pasted])
        inside = np.zeros((60, 100), bool)
        for outlier in after['outliers']:
            left, top, right, bottom = outlier['box_xyxy']
            assert 0 <= left < right <= 100 and 0 <= top < bottom <= 60
            inside[top:bottom, left:right] = True
        assert (inside | ~pasted).all()
        num_pixels = [item['num_pixels'] for item in after['outliers']]
        assert max(num_pixels, default=0) <= pasted.sum() <= sum(num_pixels)
        if placement is not None:
            assert not pasted[before['gt_seg_map'] == 2].any()
        changed = (before['img'] != after['img']).any(axis=2)
        if pasted.any():
            assert changed[pasted].mean() > 0.8
        num_pasted += len(after['outliers'])
    assert num_pasted > 40


@pytest.mark.parametrize('num_workers', [1, 4])
def test_workers__give_the_pixels_of_no_workers(num_workers):
    expected = load_all(0)
    for first, second in zip(expected, load_all(num_workers), strict=True):
        assert first == second


class SeededScenes(Dataset):
    """Scenes whose objects follow from their number, as offline sets have."""

    def __init__(self):
        self.paste = OutlierPaste(
            SyntheticOutliers(9, size_px=(20, 30)),
            placement=RoadPlacement([0], perspective=True, min_size_px=4),
            blending=dict(type='OutlierBlending', mode='feather',
                          color_match=0.5, match_noise=True))

    def __len__(self):
        return 8

    def __getitem__(self, index):
        data = road_scene()
        result = self.paste.paste(data['img'], data['gt_seg_map'],
                                  np.random.default_rng((1, index)))
        return (result.img.tobytes(), result.seg_label.tobytes(),
                str(result.outliers))


def load_all(num_workers):
    return list(DataLoader(
        SeededScenes(), batch_size=None, num_workers=num_workers))


def test_pack__gives_the_pixels_of_its_source(tmp_path):
    source = SyntheticOutliers(9, size_px=(20, 60))
    write_pack(tmp_path / 'a.pack',
               ((number, *encode_cutout(source[number]))
                for number in range(9)), {})
    pack = dict(type='PackedOutliers', pack_file=str(tmp_path / 'a.pack'))
    blending = dict(type='OutlierBlending', mode='poisson', match_blur=True)
    runs = [[after for _, after in paste_many(
        8, objects=objects, blending=blending)] for objects in (source, pack)]
    for first, second in zip(*runs, strict=True):
        np.testing.assert_array_equal(first['img'], second['img'])
        assert first['outliers'] == second['outliers']
