import json

import cv2
import numpy as np
import pytest
from mmengine.registry import DefaultScope
from mmseg.registry import DATASETS

from mmseg_anomaly.datasets import StaticAnomalyDataset


@pytest.fixture
def folder(tmp_path):
    """Return a set of two images, listed against the alphabet."""
    names = ['b', 'a']
    for part in ('images', 'annotations'):
        (tmp_path / part).mkdir()
        for name in names:
            shape = (4, 6, 3) if part == 'images' else (4, 6)
            cv2.imwrite(
                str(tmp_path / part / f'{name}.png'),
                np.full(shape, 254, np.uint8))
    manifest = dict(
        classes=['road', 'sky'],
        palette=[[1, 2, 3], [4, 5, 6]],
        images=[
            dict(image=f'images/{name}.png',
                 annotation=f'annotations/{name}.png') for name in names
        ])
    (tmp_path / 'manifest.json').write_text(json.dumps(manifest))
    return tmp_path


def test_dataset__follows_its_manifest(folder):
    with DefaultScope.overwrite_default_scope('mmseg'):
        dataset = DATASETS.build(
            dict(
                type='StaticAnomalyDataset',
                data_root=str(folder),
                test_mode=True,
                pipeline=[
                    dict(type='LoadImageFromFile'),
                    dict(type='LoadCheckedAnnotations', num_classes=2)
                ]))
    assert dataset.metainfo['classes'] == ('road', 'sky')
    assert dataset.metainfo['palette'] == [[1, 2, 3], [4, 5, 6]]
    assert [item['img_path'][-5:] for item in dataset] == ['b.png', 'a.png']
    assert (dataset[0]['gt_seg_map'] == 254).all()


def test_unlisted_files__are_not_part_of_the_set(folder):
    (folder / 'images' / 'c.png').write_bytes(b'')
    assert len(StaticAnomalyDataset(str(folder))) == 2


def test_reduce_zero_label__is_refused(folder):
    with pytest.raises(ValueError, match='reduce_zero_label'):
        StaticAnomalyDataset(str(folder), reduce_zero_label=True)


def test_other_classes__are_refused(folder):
    with pytest.raises(ValueError, match=r"\('road', 'sky'\), got \('sky'"):
        StaticAnomalyDataset(
            str(folder), metainfo=dict(classes=('sky', 'road')))


def test_unknown_argument__is_refused(folder):
    with pytest.raises(TypeError, match='prefix'):
        StaticAnomalyDataset(str(folder), prefix='images')


def test_missing_manifest__is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='manifest.json.*make_static'):
        StaticAnomalyDataset(str(tmp_path))


@pytest.mark.parametrize('name', ['images/a.png', 'annotations/b.png'])
def test_missing_file__is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=name):
        StaticAnomalyDataset(str(folder))


@pytest.mark.parametrize('name', ['images/b.png', 'annotations/b.png'])
def test_missing_file__is_left_out_on_request(folder, name):
    (folder / name).unlink()
    (folder / name).symlink_to('nowhere')
    dataset = StaticAnomalyDataset(str(folder), allow_partial=True)
    assert [info['img_path'][-5:] for info in dataset] == ['a.png']
    assert f'{name} is a link to nowhere' in dataset.metainfo['partial']


@pytest.mark.parametrize('key', ['image', 'annotation'])
@pytest.mark.parametrize('name', ['../x.png', '/etc/x.png'])
def test_manifest__names_nothing_outside(folder, key, name):
    manifest = json.loads((folder / 'manifest.json').read_text())
    manifest['images'][1][key] = name
    (folder / 'manifest.json').write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match=f'manifest.json names {name!r}, '
                       'which is not inside .*`allow_outside=True`'):
        StaticAnomalyDataset(str(folder))
    with pytest.raises(FileNotFoundError, match='x.png is missing'):
        StaticAnomalyDataset(str(folder), allow_outside=True)


def test_manifest_without_images__is_refused(folder):
    manifest = json.loads((folder / 'manifest.json').read_text())
    (folder / 'manifest.json').write_text(json.dumps({**manifest,
                                                      'images': []}))
    with pytest.raises(ValueError, match='manifest.json of .* no image'):
        StaticAnomalyDataset(str(folder))


def build(folder, **kwargs):
    with DefaultScope.overwrite_default_scope('mmseg'):
        return StaticAnomalyDataset(
            str(folder), test_mode=True,
            pipeline=[dict(type='LoadImageFromFile')], **kwargs)


@pytest.mark.parametrize('part', ['images', 'annotations'])
def test_broken_file__is_left_out_on_request(folder, part):
    path = folder / part / 'b.png'
    path.write_bytes(path.read_bytes()[:40])
    dataset = build(folder, skip_broken=True)
    assert [info['img_path'][-5:] for info in dataset] == ['a.png']
    assert dataset.metainfo['partial'] == "broken files left out: ['b']"


def test_broken_image__stops_the_run(folder):
    assert not build(folder, skip_broken=True).metainfo.get('partial')
    path = folder / 'images' / 'b.png'
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(ValueError, match=r'b.png of \d+ bytes is broken'):
        build(folder)[0]


def test_broken_images__cannot_be_the_whole_set(folder):
    for path in (folder / 'images').iterdir():
        path.write_bytes(b'')
    with pytest.raises(ValueError, match='all 2 images of .* are broken'):
        build(folder, skip_broken=True)


@pytest.mark.parametrize(('change', 'message'), [
    (dict(classes=None), r'manifest.json must have `classes` as list\[str\]'),
    (dict(images={}), r'manifest.json must have `images` as list\[dict\]'),
    (dict(classes=['road', 'road']), 'manifest.json names a class twice'),
    (dict(classes=[], palette=[]), 'manifest.json names no class'),
    (dict(palette=[[1, 2], [3, 4]]), r'must have RGB .* got \[1, 2\]'),
    (dict(palette=[[1, 2, 256], [0, 0, -1]]), r'RGB .* got \[1, 2, 256\]'),
    (dict(palette=[[1, 2, 3]]), 'manifest.json has 1 colours .* 2 classes'),
    (dict(images=[dict(image='images/a.png')]),
     r"images\[0\] of .*manifest.json has no \['annotation'\]"),
    (dict(images=[dict(image=None, annotation='annotations/a.png')]),
     r'images\[0\] of .*manifest.json must have `image` as str, got None'),
    (dict(images=[dict(image='images/a.png', annotation='annotations/a.png'),
                  dict(image='images/./a.png', annotation='annotations/b.png')
                  ]), r'images\[0\] and images\[1\] of .*both have the image'),
    (dict(images=[dict(image='images/a.png', annotation='annotations/a.png'),
                  dict(image='images/b.png', annotation='annotations/a.png')
                  ]), r'images\[0\] and images\[1\] .* have the annotation'),
])
def test_damaged_manifest__is_named_with_the_key(folder, change, message):
    path = folder / 'manifest.json'
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ValueError, match=message):
        StaticAnomalyDataset(str(folder))


@pytest.mark.parametrize('content', ['', 'null', '[]', '{"classes": ["a"'])
def test_manifest_that_is_something_else__is_named(folder, content):
    (folder / 'manifest.json').write_text(content)
    with pytest.raises(ValueError, match=r'manifest.json (could not be read|'
                       'must hold a dict).*make the set again'):
        StaticAnomalyDataset(str(folder))


def test_manifest_with_byte_order_mark__is_read(folder):
    path = folder / 'manifest.json'
    path.write_bytes(b'\xef\xbb\xbf' + path.read_bytes())
    assert len(StaticAnomalyDataset(str(folder))) == 2


@pytest.mark.parametrize('is_absolute', [False, True])
def test_file_outside_the_folder__is_refused_unless_allowed(
        folder, is_absolute):
    (folder / 'set').mkdir()
    manifest = json.loads((folder / 'manifest.json').read_text())
    outside = str(folder) if is_absolute else '..'
    for item in manifest['images']:
        item['image'] = f'{outside}/{item["image"]}'
        item['annotation'] = f'../{item["annotation"]}'
    (folder / 'set' / 'manifest.json').write_text(json.dumps(manifest))
    root = str(folder / 'set')
    with pytest.raises(ValueError, match='manifest.json names .* is not '
                       'inside .*`allow_outside=True`'):
        StaticAnomalyDataset(root)
    assert len(StaticAnomalyDataset(root, allow_outside=True)) == 2
