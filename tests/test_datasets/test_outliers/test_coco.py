import json
import pickle
import zipfile

import cv2
import numpy as np
import pytest
from mmseg.registry import DATASETS

from mmseg_anomaly.datasets.outliers import BrokenImageError, CocoOutliers
from mmseg_anomaly.datasets.outliers.coco_filters import ROAD_CATEGORIES

RABBIT = dict(image='field', category='rabbit', box=(10, 20, 30, 25))


def open_source(root, **options):
    options = {'data_prefix': dict(img_path='images'), **options}
    return CocoOutliers('instances.json', str(root), **options)


def categories_of(source):
    return sorted(source[row].category for row in range(len(source)))


def test_polygon__is_cut_out_of_its_image(make_coco):
    root = make_coco([RABBIT])
    source = open_source(root)
    assert len(source) == 1
    image = cv2.imread(str(root / 'images' / 'field.png'))
    np.testing.assert_array_equal(source[0].image, image[20:45, 10:40])
    np.testing.assert_array_equal(source[0].alpha, np.full((25, 30), 255))
    assert source[0].category == 'rabbit'
    assert source[0].origin == dict(
        image='field.png', image_id=10, annotation_id=100)


@pytest.mark.parametrize('compressed', [False, True])
def test_run_lengths__give_the_mask_they_encode(make_coco, compressed):
    mask = np.zeros((60, 80), np.uint8)
    mask[5:35, 8:18] = 1  # an L
    mask[25:35, 8:40] = 1
    ends = np.flatnonzero(np.diff(mask.ravel(order='F'))) + 1
    rle = dict(size=[60, 80], counts=np.diff(
        [0, *ends, mask.size]).tolist())
    if compressed:
        from pycocotools import mask as coco_mask
        rle = coco_mask.frPyObjects(rle, 60, 80)
        rle['counts'] = rle['counts'].decode()
    root = make_coco([dict(image='a', category='toy', segmentation=rle)])
    np.testing.assert_array_equal(
        open_source(root)[0].alpha, 255 * mask[5:35, 8:40])


def test_run_lengths_of_no_pixel__are_no_object(make_coco):
    nothing = dict(size=[60, 80], counts=[4800])
    root = make_coco([
        RABBIT, dict(image='a', category='toy', segmentation=nothing)
    ])
    assert categories_of(open_source(root)) == ['rabbit']


@pytest.mark.parametrize('rle, problem', [
    (dict(size=[60, 40], counts=[0, 2400]), r'size \[60, 40\]'),
    (dict(size=[80, 60], counts=[0, 4800]), r'size \[80, 60\]'),
    (dict(counts=[0, 4800]), 'size None'),
    (dict(size=[60, 80]), '`counts`'),
    (dict(size=[60, 80], counts=[0, 4000]), '4800 pixels .* got 4000'),
])
def test_run_lengths_of_another_size__are_refused(make_coco, rle, problem):
    root = make_coco([dict(image='a', category='toy', segmentation=rle)])
    with pytest.raises(ValueError, match=rf'100 of .*json.*{problem}'):
        open_source(root)


def test_denied_category__takes_its_whole_image_along(make_coco):
    root = make_coco([
        RABBIT,
        dict(image='street', category='rabbit', box=(0, 0, 30, 30)),
        dict(image='street', category='car', box=(40, 0, 30, 30)),
    ])
    source = open_source(root)
    assert [source[row].origin['image'] for row in range(len(source))] == [
        'field.png'
    ]


def test_denied_lists__work_apart(make_coco):
    root = make_coco([
        dict(image='street', category='rabbit', box=(0, 0, 30, 30)),
        dict(image='street', category='car', box=(40, 0, 30, 30)),
        dict(image='street', category='boat', box=(0, 30, 30, 30)),
    ])
    source = open_source(root, deny_image_categories=())
    assert categories_of(source) == ['boat', 'rabbit']
    source = open_source(
        root, deny_categories=['boat'], deny_image_categories=[])
    assert categories_of(source) == ['car', 'rabbit']
    with pytest.raises(ValueError, match='no object'):
        open_source(root, deny_categories=(), deny_image_categories=['boat'])


@pytest.mark.parametrize('category', ROAD_CATEGORIES)
def test_road_categories__are_denied_by_default(make_coco, category):
    root = make_coco([
        RABBIT, dict(image='field', category=category, box=(0, 0, 5, 5))
    ])
    with pytest.raises(ValueError, match='1 of a denied category'):
        open_source(root)


def test_crowd__is_dropped_and_still_denies_its_image(make_coco):
    crowd = dict(
        image='field', category='person', iscrowd=1, box=(50, 0, 30, 30))
    root = make_coco([RABBIT, crowd])
    with pytest.raises(ValueError, match='1 beside a denied category'):
        open_source(root)
    source = open_source(root, deny_categories=(), deny_image_categories=())
    assert categories_of(source) == ['rabbit']


def test_min_area__counts_pixels_of_the_mask(make_coco):
    root = make_coco([RABBIT])  # 750 pixels
    assert len(open_source(root, min_area=750)) == 1
    with pytest.raises(ValueError, match='1 smaller than `min_area`'):
        open_source(root, min_area=751)


def test_empty_source__says_which_filters_removed_how_many(make_coco):
    root = make_coco([
        dict(image='street', category='rabbit', box=(0, 0, 30, 30)),
        dict(image='street', category='car', box=(40, 0, 30, 30)),
        dict(image='field', category='rabbit', box=(0, 0, 3, 3)),
        dict(image='field', category='rabbit', box=(0, 0, 4, 4)),
    ])
    with pytest.raises(ValueError, match='instances.json') as error:
        open_source(root)
    for part in ('1 beside a denied', '1 of a denied', '2 smaller than'):
        assert part in str(error.value)


def test_missing_json__is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='no .*instances.json'):
        open_source(tmp_path)


@pytest.mark.parametrize('change', [
    lambda coco: coco.pop('annotations'),
    lambda coco: coco['annotations'][0].pop('segmentation'),
    lambda coco: coco['annotations'][0].update(segmentation=[]),
])
def test_json_without_segmentation__is_refused(make_coco, change):
    root = make_coco([RABBIT])
    edit_json(root, change)
    with pytest.raises(ValueError, match='no segmentation .*instances'):
        open_source(root)


def test_missing_image__is_named_at_once(make_coco):
    root = make_coco([RABBIT, {**RABBIT, 'image': 'meadow'}])
    (root / 'images' / 'meadow.png').unlink()
    with pytest.raises(FileNotFoundError, match='the image meadow.png'):
        open_source(root)


def test_image_that_is_not_used__may_be_missing(make_coco):
    root = make_coco([
        RABBIT, dict(image='street', category='car', box=(0, 0, 30, 30))
    ])
    (root / 'images' / 'street.png').unlink()
    assert len(open_source(root)) == 1


def test_corrupt_image__is_named(make_coco):
    root = make_coco([RABBIT])
    (root / 'images' / 'field.png').write_bytes(b'no image')
    with pytest.raises(BrokenImageError, match='field.png .* cannot be dec'):
        open_source(root)[0]


def test_image_of_another_size__is_refused(make_coco):
    root = make_coco([RABBIT])
    cv2.imwrite(
        str(root / 'images' / 'field.png'), np.zeros((80, 60, 3), np.uint8))
    with pytest.raises(BrokenImageError, match=r'\(80, 60\).*says \(60, 80\)'):
        open_source(root)[0]


def test_misspelt_category__is_refused(make_coco):
    root = make_coco([RABBIT])
    with pytest.raises(ValueError, match=r"know \['rabit'\].*\['rabbit'\]"):
        open_source(root, deny_categories=['rabit'])


def test_annotation_of_an_unlisted_image__is_refused(make_coco):
    root = make_coco([RABBIT])
    edit_json(root, lambda coco: coco['annotations'][0].update(image_id=5))
    with pytest.raises(ValueError, match='annotation 100 .* image 5'):
        open_source(root)


def test_annotation_of_an_unlisted_category__is_refused(make_coco):
    root = make_coco([RABBIT])
    edit_json(root, lambda coco: coco['annotations'][0].update(category_id=7))
    with pytest.raises(ValueError, match='100 of .*json has the category_id '
                       '7, which'):
        open_source(root)


@pytest.mark.parametrize('segmentation', [
    [[1, 2, 30, 40]],
    [[1, 2, 30, 2, 30, 40, 1]],
    [1, 2, 30, 2, 30, 40],
    [['a', 'b', 'c', 'd', 'e', 'f']],
    'polygon',
])
def test_malformed_polygon__is_named(make_coco, segmentation):
    root = make_coco([{**RABBIT, 'box': (0, 0, 9, 9)}])
    edit_json(root, lambda coco: coco['annotations'][0].update(
        segmentation=segmentation))
    with pytest.raises(ValueError, match='annotation 100 of .*json must be '
                       'polygons'):
        open_source(root)


def test_line_beside_a_polygon__covers_nothing(make_coco):
    root = make_coco([RABBIT])
    edit_json(root, lambda coco: coco['annotations'][0]['segmentation'].insert(
        0, [0, 0, 70, 50]))
    np.testing.assert_array_equal(
        open_source(root)[0].alpha, np.full((25, 30), 255))


@pytest.mark.parametrize('content', [b'', b'{"images": [', b'\x89PNG\xff'])
def test_broken_json__is_named(make_coco, content):
    root = make_coco([RABBIT])
    (root / 'instances.json').write_bytes(content)
    with pytest.raises(ValueError, match='instances.json cannot be read'):
        open_source(root)


def test_json_of_something_else__is_refused(make_coco):
    root = make_coco([RABBIT])
    (root / 'instances.json').write_text('[]')
    with pytest.raises(ValueError, match='a COCO dict, got a list'):
        open_source(root)


@pytest.mark.parametrize('part, key', [
    ('images', 'height'), ('categories', 'name'), ('annotations', 'image_id'),
    ('annotations', 'category_id')
])
def test_missing_key__is_named(make_coco, part, key):
    root = make_coco([RABBIT])
    edit_json(root, lambda coco: coco[part][0].pop(key))
    with pytest.raises(ValueError, match=rf"{part}\[0\] of .*json \(id "
                       rf"\d+\) has no \['{key}'\]"):
        open_source(root)


def test_data_prefix__takes_one_key(make_coco):
    with pytest.raises(ValueError, match=r'dict\(img_path=...\), got'):
        open_source(make_coco([RABBIT]), data_prefix=dict(img='images'))


def test_source__survives_pickling(make_coco):
    source = open_source(make_coco([RABBIT, RABBIT]))
    copy = pickle.loads(pickle.dumps(source))
    np.testing.assert_array_equal(copy[1].image, source[1].image)


def test_allowed_categories__leave_the_others_out(make_coco):
    root = make_coco([RABBIT, {**RABBIT, 'category': 'boat'},
                      {**RABBIT, 'category': 'toy'}])
    source = open_source(root, allow_categories=['boat', 'toy'])
    assert categories_of(source) == ['boat', 'toy']
    source = open_source(root, allow_categories=['boat', 'toy'],
                         deny_categories=['toy'])
    assert categories_of(source) == ['boat']
    with pytest.raises(ValueError, match=r"`allow_cat.*know \['ship'\]"):
        open_source(root, allow_categories=['ship'])


@pytest.mark.parametrize(('box', 'option', 'passing', 'failing', 'reason'), [
    ((10, 20, 30, 25), 'max_area', 750, 749, 'larger than `max_area`; relax'),
    ((10, 20, 50, 25), 'max_aspect', 2.0, 1.9, 'above `max_aspect`'),
    ((0, 20, 30, 25), 'allow_truncated', True, False, 'truncated by'),
    ((10, 0, 30, 25), 'allow_truncated', True, False, 'truncated by'),
    ((50, 20, 30, 25), 'allow_truncated', True, False, 'truncated by'),
    ((10, 35, 30, 25), 'allow_truncated', True, False, 'truncated by'),
])
def test_filter_of_instances__has_its_bound(make_coco, box, option, passing,
                                            failing, reason):
    root = make_coco([dict(image='a', category='toy', box=box)])
    assert len(open_source(root, **{option: passing})) == 1
    with pytest.raises(ValueError, match=f'1 {reason}'):
        open_source(root, **{option: failing})


def test_object_off_the_border__is_not_truncated(make_coco):
    root = make_coco([dict(image='a', category='toy', box=(1, 1, 78, 58))])
    assert len(open_source(root, allow_truncated=False)) == 1


def test_border_beyond_the_type_of_the_corner__is_seen(make_coco):
    # left 200 fits into 8 bits, the right border 300 does not
    root = make_coco([dict(image='a', category='toy', box=(200, 1, 100, 58))],
                     size_hw=(60, 300))
    with pytest.raises(ValueError, match='1 truncated by'):
        open_source(root, allow_truncated=False)


@pytest.mark.parametrize('as_runs', [False, True])
def test_solidity__is_area_by_that_of_the_hull(make_coco, as_runs):
    # an L of 40 x 40 with arms of 20: 1200 pixels of a hull of 1400
    corners = [10, 10, 30, 10, 30, 30, 50, 30, 50, 50, 10, 50]
    segmentation = [corners]
    if as_runs:
        from pycocotools import mask as coco_mask
        segmentation, = coco_mask.frPyObjects([corners], 60, 80)
        segmentation['counts'] = segmentation['counts'].decode()
    root = make_coco([
        dict(image='a', category='toy', segmentation=segmentation)
    ])
    assert len(open_source(root, min_solidity=1200 / 1400 - 0.001)) == 1
    with pytest.raises(ValueError, match='below `min_solidity`'):
        open_source(root, min_solidity=1200 / 1400 + 0.001)


def test_lvis__names_folder_and_image_by_url(make_coco):
    root = make_coco([RABBIT, dict(
        image='street', category='rabbit', box=(0, 0, 30, 30)), dict(
            image='street', category='car_(automobile)', box=(9, 9, 9, 9))])

    def as_lvis(coco):
        for image in coco['images']:
            image['coco_url'] = 'http://host/images/' + image.pop('file_name')
        for annotation in coco['annotations']:
            del annotation['iscrowd']

    edit_json(root, as_lvis)
    source = open_source(root, data_prefix=dict(img_path=''))
    assert len(source) == 1
    assert source[0].origin['image'] == 'images/field.png'


def test_image_without_name__is_refused(make_coco):
    root = make_coco([RABBIT])
    edit_json(root, lambda coco: coco['images'][0].pop('file_name'))
    with pytest.raises(ValueError, match=r"\(id 10\) has neither 'file_name'"):
        open_source(root)


def test_zip__serves_as_folder(make_coco, tmp_path):
    root = make_coco([RABBIT])
    for name, members in (('images', ['images/field.png']),
                          ('labels', ['instances.json'])):
        with zipfile.ZipFile(tmp_path / f'{name}.zip', 'w') as archive:
            for member in members:
                archive.write(root / member, f'in/{member}')
    zipped = CocoOutliers(
        'labels.zip/in/instances.json', str(tmp_path),
        data_prefix=dict(img_path='images.zip/in/images'))
    np.testing.assert_array_equal(zipped[0].image, open_source(root)[0].image)
    with pytest.raises(FileNotFoundError, match='no .*json'):
        CocoOutliers('labels.zip/instances.json', str(tmp_path))


def test_index__is_made_once_and_again_when_the_json_changes(make_coco,
                                                             tmp_path):
    root, cache = make_coco([RABBIT]), tmp_path / 'cache'
    open_source(root, cache_dir=cache)
    index, = cache.glob('*.index')
    made = index.stat().st_mtime_ns
    source = open_source(root, cache_dir=cache, min_area=700)
    assert len(source) == 1 and index.stat().st_mtime_ns == made
    edit_json(root, lambda coco: coco['annotations'].append(
        {**coco['annotations'][0], 'id': 5}))
    assert len(open_source(root, cache_dir=cache)) == 2
    assert len(list(cache.glob('*.index'))) == 2


def test_real_coco__holds_nothing_the_road_knows(shared_data_dir):
    source = DATASETS.build(
        dict(
            type='CocoOutliers',
            data_root=str(shared_data_dir / 'coco_tiny'),
            ann_file='annotations/instances_val2017.json',
            data_prefix=dict(img_path='val2017')))
    assert len(source) == 146
    for row in range(0, len(source), 10):
        cutout = source[row]
        assert cutout.category not in ROAD_CATEGORIES
        assert np.count_nonzero(cutout.alpha) >= 400
        assert cutout.alpha.any(axis=1)[[0, -1]].all()
        assert cutout.alpha.any(axis=0)[[0, -1]].all()


def edit_json(root, change):
    coco = json.loads((root / 'instances.json').read_text())
    change(coco)
    (root / 'instances.json').write_text(json.dumps(coco))
