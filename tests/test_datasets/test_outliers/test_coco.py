"""Objects are cut out of COCO images, and wrong files are named."""
import json
import pickle
import zipfile

import cv2
import numpy as np
import pytest
from mmseg.registry import DATASETS

from mmseg_anomaly.datasets.outliers import BrokenImageError, CocoOutliers
from mmseg_anomaly.datasets.outliers.coco_filters import ROAD_CATEGORIES


def test_polygon__is_cut_out_of_its_image(make_coco, open_source, rabbit):
    root = make_coco([rabbit])
    source = open_source(root)
    assert len(source) == 1
    image = cv2.imread(str(root / 'images' / 'field.png'))
    np.testing.assert_array_equal(source[0].image, image[20:45, 10:40])
    np.testing.assert_array_equal(source[0].alpha, np.full((25, 30), 255))
    assert source[0].category == 'rabbit'
    assert source[0].origin == dict(
        image='field.png', image_id=10, annotation_id=100)


@pytest.mark.parametrize('compressed', [False, True])
def test_run_lengths__give_the_mask_they_encode(
        make_coco, compressed, open_source):
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


def test_run_lengths_of_no_pixel__are_no_object(
        make_coco, open_source, categories_of, rabbit):
    nothing = dict(size=[60, 80], counts=[4800])
    root = make_coco([
        rabbit, dict(image='a', category='toy', segmentation=nothing)
    ])
    assert categories_of(open_source(root)) == ['rabbit']


@pytest.mark.parametrize('rle, problem', [
    (dict(size=[60, 40], counts=[0, 2400]), r'size \[60, 40\]'),
    (dict(size=[80, 60], counts=[0, 4800]), r'size \[80, 60\]'),
    (dict(counts=[0, 4800]), 'size None'),
    (dict(size=[60, 80]), '`counts`'),
    (dict(size=[60, 80], counts=[0, 4000]), '4800 pixels .* got 4000'),
])
def test_run_lengths_of_another_size__are_refused(
        make_coco, rle, problem, open_source):
    root = make_coco([dict(image='a', category='toy', segmentation=rle)])
    with pytest.raises(ValueError, match=rf'100 of .*json.*{problem}'):
        open_source(root)


def test_missing_json__is_named(tmp_path, open_source):
    with pytest.raises(FileNotFoundError, match='no .*instances.json'):
        open_source(tmp_path)


@pytest.mark.parametrize('change', [
    lambda coco: coco.pop('annotations'),
    lambda coco: coco['annotations'][0].pop('segmentation'),
    lambda coco: coco['annotations'][0].update(segmentation=[]),
])
def test_json_without_segmentation__is_refused(
        make_coco, change, open_source, rabbit):
    root = make_coco([rabbit])
    edit_json(root, change)
    with pytest.raises(ValueError, match='no segmentation .*instances'):
        open_source(root)


def test_missing_image__is_named_at_once(make_coco, open_source, rabbit):
    root = make_coco([rabbit, {**rabbit, 'image': 'meadow'}])
    (root / 'images' / 'meadow.png').unlink()
    with pytest.raises(FileNotFoundError, match='the image meadow.png'):
        open_source(root)


def test_image_that_is_not_used__may_be_missing(
        make_coco, open_source, rabbit):
    root = make_coco([
        rabbit, dict(image='street', category='car', box=(0, 0, 30, 30))
    ])
    (root / 'images' / 'street.png').unlink()
    assert len(open_source(root)) == 1


def test_corrupt_image__is_named(make_coco, open_source, rabbit):
    root = make_coco([rabbit])
    (root / 'images' / 'field.png').write_bytes(b'no image')
    with pytest.raises(BrokenImageError, match='field.png .* cannot be dec'):
        open_source(root)[0]


def test_image_of_another_size__is_refused(make_coco, open_source, rabbit):
    root = make_coco([rabbit])
    cv2.imwrite(
        str(root / 'images' / 'field.png'), np.zeros((80, 60, 3), np.uint8))
    with pytest.raises(BrokenImageError, match=r'\(80, 60\).*says \(60, 80\)'):
        open_source(root)[0]


def test_annotation_of_an_unlisted_image__is_refused(
        make_coco, open_source, rabbit):
    root = make_coco([rabbit])
    edit_json(root, lambda coco: coco['annotations'][0].update(image_id=5))
    with pytest.raises(ValueError, match='annotation 100 .* image 5'):
        open_source(root)


def test_annotation_of_an_unlisted_category__is_refused(
        make_coco, open_source, rabbit):
    root = make_coco([rabbit])
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
def test_malformed_polygon__is_named(
        make_coco, segmentation, open_source, rabbit):
    root = make_coco([{**rabbit, 'box': (0, 0, 9, 9)}])
    edit_json(root, lambda coco: coco['annotations'][0].update(
        segmentation=segmentation))
    with pytest.raises(ValueError, match='annotation 100 of .*json must be '
                       'polygons'):
        open_source(root)


def test_line_beside_a_polygon__covers_nothing(make_coco, open_source, rabbit):
    root = make_coco([rabbit])
    edit_json(root, lambda coco: coco['annotations'][0]['segmentation'].insert(
        0, [0, 0, 70, 50]))
    np.testing.assert_array_equal(
        open_source(root)[0].alpha, np.full((25, 30), 255))


@pytest.mark.parametrize('content', [b'', b'{"images": [', b'\x89PNG\xff'])
def test_broken_json__is_named(make_coco, content, open_source, rabbit):
    root = make_coco([rabbit])
    (root / 'instances.json').write_bytes(content)
    with pytest.raises(ValueError, match='instances.json could not be '
                       'read as JSON'):
        open_source(root)


def test_json_of_something_else__is_refused(make_coco, open_source, rabbit):
    root = make_coco([rabbit])
    (root / 'instances.json').write_text('[]')
    with pytest.raises(ValueError, match='a COCO dict, got a list'):
        open_source(root)


@pytest.mark.parametrize('part, key', [
    ('images', 'height'), ('categories', 'name'), ('annotations', 'image_id'),
    ('annotations', 'category_id')
])
def test_missing_key__is_named(make_coco, part, key, open_source, rabbit):
    root = make_coco([rabbit])
    edit_json(root, lambda coco: coco[part][0].pop(key))
    with pytest.raises(ValueError, match=rf"{part}\[0\] of .*json \(id "
                       rf"\d+\) has no \['{key}'\]"):
        open_source(root)


def test_data_prefix__takes_one_key(make_coco, open_source, rabbit):
    with pytest.raises(ValueError, match=r'dict\(img_path=...\), got'):
        open_source(make_coco([rabbit]), data_prefix=dict(img='images'))


def test_source__survives_pickling(make_coco, open_source, rabbit):
    source = open_source(make_coco([rabbit, rabbit]))
    copy = pickle.loads(pickle.dumps(source))
    np.testing.assert_array_equal(copy[1].image, source[1].image)


def test_lvis__names_folder_and_image_by_url(make_coco, open_source, rabbit):
    root = make_coco([rabbit, dict(
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


def test_image_without_name__is_refused(make_coco, open_source, rabbit):
    root = make_coco([rabbit])
    edit_json(root, lambda coco: coco['images'][0].pop('file_name'))
    with pytest.raises(ValueError, match=r"\(id 10\) has neither 'file_name'"):
        open_source(root)


def test_zip__serves_as_folder(make_coco, tmp_path, open_source, rabbit):
    root = make_coco([rabbit])
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


def test_index__is_made_once_and_again_when_the_json_changes(
        make_coco, tmp_path, open_source, rabbit):
    root, cache = make_coco([rabbit]), tmp_path / 'cache'
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
