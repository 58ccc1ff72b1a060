"""Damaged annotations, files of another kind, and numbers that lie."""
import json
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask

from mmseg_anomaly.datasets.outliers import BrokenImageError
from mmseg_anomaly.datasets.outliers.coco_index import _outer_corners
from mmseg_anomaly.datasets.outliers.coco_json import (
    read_coco_json,
    to_run_lengths,
)

FILE = Path('some.json')
DAMAGED = [[[]], [[1, 2, 30, 40]], [[1, 2, 30, 2, 30, 40, 1]], 'polygon',
           dict(size=[60, 80], counts=[4801]), dict(size=[6, 8], counts=[48])]


@pytest.fixture
def rabbit_and(make_coco, rabbit):
    """Return a function that adds an object with a given segmentation."""

    def make(category, segmentation, **keys):
        return make_coco([rabbit, dict(
            image='b', category=category, segmentation=segmentation, **keys)])

    return make


@pytest.mark.parametrize('segmentation', DAMAGED)
def test_damaged_mask_of_a_denied_class__never_matters(
        rabbit_and, open_source, categories_of, segmentation):
    root = rabbit_and('car', segmentation)
    assert categories_of(open_source(root)) == ['rabbit']
    assert categories_of(open_source(
        root, deny_categories=['car'], deny_image_categories=())) == ['rabbit']
    assert categories_of(open_source(
        root, allow_categories='rabbit', deny_categories=())) == ['rabbit']


@pytest.mark.parametrize('segmentation', DAMAGED)
def test_damaged_mask_of_an_allowed_class__is_named(
        rabbit_and, open_source, segmentation):
    root = rabbit_and('toy', segmentation)
    for _ in range(2):  # from the json, then from the index
        with pytest.raises(ValueError, match='of annotation 101 of '
                           '.*instances.json must .*; repair the file'):
            open_source(root)


def test_damaged_mask__is_left_out_and_counted_on_request(
        rabbit_and, open_source, categories_of, monkeypatch):
    said = []
    for module in ('coco_filters', 'coco'):
        monkeypatch.setattr(
            f'mmseg_anomaly.datasets.outliers.{module}.print_log',
            lambda message, **_: said.append(message))
    root = rabbit_and('toy', [[1, 2, 3, 4]])
    assert categories_of(open_source(root, skip_damaged=True)) == ['rabbit']
    assert '1 annotations of' in said[0] and said[0].endswith(
        'their masks are damaged: [101]')
    assert 'removed: 1 with a damaged mask' in said[1]


@pytest.mark.parametrize(('key', 'value', 'message'), [
    ('file_name', None, r'images\[0\] .*\(id 10\) must have `file_name` as '
     'str, got None'),
    ('file_name', 7, r'images\[0\] .* must have `file_name` as str, got 7'),
    ('file_name', '\ud800', r'images\[0\] .* must have `file_name` as str'),
    ('height', 2**21, r'images\[0\] .*\(id 10\) is larger than any image that '
     'OpenCV reads: 2097152 x 80'),
    ('id', 2**64, r'images\[0\] .* must have `id` as int'),
])
def test_image_entry__is_named(make_coco, open_source, rabbit, key, value,
                               message):
    root = make_coco([rabbit])
    coco = json.loads((root / 'instances.json').read_text())
    coco['images'][0][key] = value
    (root / 'instances.json').write_text(json.dumps(coco))
    with pytest.raises(ValueError, match=message):
        open_source(root)


def test_crowd_that_is_no_number__is_named(rabbit_and, open_source):
    root = rabbit_and('toy', [[1, 1, 9, 1, 9, 9]], iscrowd='no')
    with pytest.raises(ValueError, match=r'annotations\[1\] of .*\(id 101\) '
                       "must have `iscrowd` as int or bool, got 'no'"):
        open_source(root)


@pytest.mark.parametrize(('content', 'message'), [
    (dict(annotations=[dict(image_id=1, file_name='a.png',
                            segments_info=[])]), 'got a panoptic json'),
    (dict(annotations=[dict(id=1, image_id=1, caption='A cat.')]),
     'got a captions json'),
    ([dict(image_id=1, category_id=1, bbox=[0, 0, 1, 1], score=0.5)],
     'got a list'),
    (dict(images=[]), 'holds no segmentation in its 0 annotations'),
    (None, 'must hold a dict or list, got a NoneType'),
])
def test_json_of_another_kind__says_what_it_is(content, message):
    with pytest.raises(ValueError, match=f'some.json .*{message}.*instances'
                       if content is not None else f'some.json {message}'):
        read_coco_json(json.dumps(content).encode(), FILE)


def huge(side):
    """Return a json of a picture of 64 x 64 that claims to be larger."""
    return dict(
        images=[dict(id=1, file_name='a.png', height=side, width=side)],
        categories=[dict(id=1, name='toy')],
        annotations=[
            dict(id=1, image_id=1, category_id=1,
                 segmentation=[[0, 0, 60, 0, 60, 60]]),
            dict(id=2, image_id=1, category_id=1, segmentation=dict(
                size=[side, side], counts=[0, side * side]))
        ])


@pytest.mark.parametrize(('side', 'message'), [
    (100_000, r'is larger than any image .*: 100000 x 100000'),
    (30_000, r'a.png has \(height, width\) \(64, 64\), but .*30000, 30000'),
])
def test_size_of_a_json__takes_no_memory(tmp_path, open_source, side, message):
    (tmp_path / 'images').mkdir()
    cv2.imwrite(str(tmp_path / 'images' / 'a.png'),
                np.zeros((64, 64, 3), np.uint8))
    (tmp_path / 'instances.json').write_text(json.dumps(huge(side)))
    tracemalloc.start()
    with pytest.raises(ValueError, match=message):
        open_source(tmp_path)[1]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6


def test_picture_beyond_the_limit_of_pillow__is_named(
        make_coco, open_source, rabbit, monkeypatch):
    root = make_coco([rabbit])
    monkeypatch.setattr('PIL.Image.MAX_IMAGE_PIXELS', 1000)
    with pytest.raises(BrokenImageError, match='field.png of .* decompression '
                       'bomb'):
        open_source(root)[0]


def test_outline_that_never_ends__is_refused():
    zigzag = [6000, 0, -6000, 1] * 1000
    with pytest.raises(ValueError, match='annotation 3 of some.json has an '
                       'outline of more than 4194304 pixels'):
        to_run_lengths([zigzag], (480, 640), 3, FILE)
    to_run_lengths([zigzag[:400]], (480, 640), 3, FILE)


@pytest.mark.parametrize('share', [0.02, 0.5, 1])
def test_corners_of_runs__have_the_hull_of_the_mask(share):
    generator = np.random.default_rng(0)
    mask = (generator.random((13, 17)) < share).astype(np.uint8)
    mask[:, 5:9] = mask[:, 5:6]
    rle = coco_mask.encode(np.asfortranarray(mask))
    y, x = np.nonzero(mask)
    corners = np.concatenate([np.stack((x + right, y + down), axis=1)
                              for right in (0, 1) for down in (0, 1)])
    areas = [cv2.contourArea(cv2.convexHull(points.astype(np.float32)))
             for points in (corners, _outer_corners(rle))]
    assert areas[0] == areas[1] > 0
