import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from mmseg_anomaly.datasets.outliers.coco_json import (
    read_annotations,
    read_coco_json,
    to_run_lengths,
)

FILE = Path('some.json')
POLYGON = [1.0, 1, 9, 1, 9, 9]


def valid():
    return dict(
        images=[dict(id=1, file_name='a.png', height=60, width=80)],
        categories=[dict(id=2, name='toy')],
        annotations=[dict(id=3, image_id=1, category_id=2,
                          segmentation=[POLYGON])])


def read(coco):
    return read_coco_json(json.dumps(coco).encode(), FILE)


def test_valid_file__is_read():
    assert read(valid())['images'][0]['file_name'] == 'a.png'


@pytest.mark.parametrize(('part', 'content'), [
    ('annotations', 'x'), ('images', {'id': 1}), ('categories', ['toy'])
])
def test_part_that_is_no_list__is_refused(part, content):
    with pytest.raises(ValueError, match=f'`{part}` of some.json must be a '
                       'list of dicts, got '):
        read({**valid(), part: content})


@pytest.mark.parametrize(('part', 'key', 'value', 'message'), [
    ('images', 'height', '60', "have `height` as int, got '60'"),
    ('images', 'width', 80.5, 'have `width` as int, got 80.5'),
    ('images', 'id', 'a', "have `id` as int, got 'a'"),
    ('categories', 'name', 7, 'have `name` as str, got 7'),
    ('annotations', 'image_id', None, 'have `image_id` as int, got None'),
    ('images', 'height', 0, 'has no pixel: 0 x 80'),
    ('images', 'width', -1, 'has no pixel: 60 x -1'),
])
def test_value_of_another_type__is_named(part, key, value, message):
    coco = valid()
    coco[part][0][key] = value
    with pytest.raises(ValueError, match=rf'{part}\[0\] of some.json .*'
                       f'{message}'):
        read(coco)


@pytest.mark.parametrize('value', [
    float('nan'), float('inf'), -float('inf'), 1e300, 10**400, -801, 801
])
def test_coordinate_far_outside__is_refused(value):
    with pytest.raises(ValueError, match='annotation 3 of some.json has the '
                       r'coordinate .* in an image of \(60, 80\)'):
        to_run_lengths([POLYGON, [0, 0, 9, 0, 9, value]], (60, 80), 3, FILE)


def test_coordinate_outside__is_cut_off():
    corners = [-800, 0, 800, 0, 800, 6, -800, 6]
    rle = to_run_lengths([corners], (60, 80), 3, FILE)
    assert coco_mask.area(rle) == 6 * 80


@pytest.mark.parametrize('counts', [
    'zzz!!', '', '0', 'PP', 'P' * 40, '\x00', [-5, 4805], [0.5, 4799.5],
    [0, '4800'], 5, {}
])
def test_malformed_run_lengths__are_refused(counts):
    with pytest.raises(ValueError, match='run lengths of annotation 3 of '
                       'some.json must add up to the 4800 pixels'):
        to_run_lengths(dict(size=[60, 80], counts=counts), (60, 80), 3, FILE)


@pytest.mark.parametrize('share', [0, 0.001, 0.1, 0.5, 0.9, 1])
def test_compressed_run_lengths__are_taken(share):
    generator = np.random.default_rng(0)
    mask = (generator.random((60, 80)) < share).astype(np.uint8)
    mask[:, 20:60] = mask[:, 20:21]  # long runs beside short ones
    rle = coco_mask.encode(np.asfortranarray(mask))
    text = dict(size=[60, 80], counts=rle['counts'].decode())
    assert to_run_lengths(text, (60, 80), 3, FILE)['counts'] == rle['counts']


def test_broken_zip__is_named(tmp_path):
    path = tmp_path / 'a.zip'
    path.write_bytes(b'PKjunk')
    with pytest.raises(ValueError, match='a.zip is no zip file .*; copy or'):
        read_annotations(path / 'in' / 'x.json')


@pytest.mark.parametrize('kind', [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_damaged_file_in_a_zip__is_named(tmp_path, kind):
    path = tmp_path / 'a.zip'
    with zipfile.ZipFile(path, 'w', kind) as archive:
        archive.writestr('x.json', bytes(range(100)))
    content = bytearray(path.read_bytes())
    content[40:60] = b'\xff' * 20
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r'a.zip/x.json cannot be read \(.*'
                       'copy or download the zip file again'):
        read_annotations(path / 'x.json')
