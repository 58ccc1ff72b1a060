"""The world on disk is complete or absent, and readable by real loaders."""
import json

import cv2
import numpy as np
import pytest
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

import mmseg_anomaly  # noqa: F401
from road_world import writer
from road_world.writer import (
    WorldSize,
    run_lengths,
    write_world,
)

SIZE = WorldSize(num_train=2, num_val=2, num_outliers=4, image_hw=(32, 64))


@pytest.fixture(scope='module')
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp('data') / 'roads'
    assert write_world(root, SIZE)
    return root


def _files(root):
    return {path.relative_to(root): path.read_bytes()
            for path in root.rglob('*') if path.is_file()}


def test_world__same_files_whatever_the_processes(world, tmp_path):
    write_world(tmp_path / 'roads', SIZE, nproc=2)
    assert _files(world) == _files(tmp_path / 'roads')


def test_world__second_run_writes_nothing(world):
    stamps = {path: path.stat().st_mtime_ns for path in world.rglob('*')}
    assert write_world(world, SIZE) is False
    assert stamps == {path: path.stat().st_mtime_ns
                      for path in world.rglob('*')}


def test_world__test_scenes_are_val_scenes_with_outliers(world):
    for name in ('000000.png', '000001.png'):
        val, test = (
            cv2.imread(str(world / 'labels' / split / name), -1)
            for split in ('val', 'test'))
        strange = test == 254
        assert strange.any()
        assert np.array_equal(val[~strange], test[~strange])


def test_world__is_a_dataset(world):
    init_default_scope('mmseg')
    dataset = DATASETS.build(
        dict(
            type='SyntheticRoadsDataset',
            data_root=str(world),
            data_prefix=dict(
                img_path='images/test', seg_map_path='labels/test'),
            pipeline=[
                dict(type='LoadImageFromFile'),
                dict(type='LoadCheckedAnnotations', num_classes=8)
            ]))
    assert len(dataset) == 2
    assert dataset[0]['gt_seg_map'].shape == (32, 64)
    assert len(dataset.metainfo['classes']) == 8


@pytest.mark.parametrize('split', ['train', 'test'])
def test_world__outliers_are_real_coco(world, split):
    coco = COCO(str(world / 'outliers' / f'instances_{split}.json'))
    assert len(coco.anns) == 4
    for annotation in coco.anns.values():
        mask = coco.annToMask(annotation)
        assert mask.sum() == annotation['area']
        runs = coco.annToRLE(annotation)
        assert coco_mask.toBbox(runs).tolist() == annotation['bbox']
        file_name = coco.imgs[annotation['image_id']]['file_name']
        assert (world / 'outliers' / split / file_name).is_file()


def test_world__interrupted_run_leaves_nothing_complete(
        tmp_path, monkeypatch):
    root = tmp_path / 'roads'

    def _fail(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(writer, '_write_outliers', _fail)
        with pytest.raises(KeyboardInterrupt):
            write_world(root, SIZE)
    assert not root.exists()
    assert write_world(root, SIZE)
    assert not root.with_name('roads.partial').exists()


def test_world__other_parameters_are_refused(world):
    other = WorldSize(num_train=3, num_val=2, num_outliers=4,
                      image_hw=(32, 64))
    with pytest.raises(FileExistsError, match="'num_train': 3"):
        write_world(world, other)


def test_world__foreign_folder_is_refused(tmp_path):
    (tmp_path / 'thesis.tex').write_text('precious')
    with pytest.raises(FileExistsError, match='holds no synthetic_roads'):
        write_world(tmp_path, SIZE)
    assert (tmp_path / 'thesis.tex').read_text() == 'precious'


def test_world__manifest_names_every_parameter(world):
    manifest = json.loads((world / 'synthetic_roads.json').read_text())
    assert manifest == dict(version=1, num_train=2, num_val=2,
                            num_outliers=4, image_hw=[32, 64], seed=0)


@pytest.mark.parametrize('wrong, message', [
    (dict(num_train=0), '`num_train` must be at least 1, got 0'),
    (dict(image_hw=(16, 64)), r'two integers of at least 32, got \(16, 64\)'),
])
def test_size__refuses_too_little(wrong, message):
    with pytest.raises(ValueError, match=message):
        WorldSize(**wrong)


@pytest.mark.parametrize('mask, counts', [
    ([[0, 1], [1, 1]], [1, 3]),
    ([[1, 0], [0, 0]], [0, 1, 3]),
    ([[0, 0], [0, 0]], [4]),
])
def test_run_lengths__by_hand(mask, counts):
    assert run_lengths(np.array(mask, bool)) == counts


@pytest.mark.parametrize('content', ['', '{"version": 1', 'null'])
def test_world__damaged_record_is_named(tmp_path, content):
    (tmp_path / 'synthetic_roads.json').write_text(content)
    with pytest.raises(ValueError, match='synthetic_roads.json .*choose '
                       'another folder'):
        write_world(tmp_path, SIZE)
