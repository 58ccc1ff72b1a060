"""CamVid stores void as 11."""
import cv2
import numpy as np
import pytest
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS

import mmseg_anomaly  # noqa: F401


@pytest.fixture(autouse=True)
def _mmseg_scope():
    init_default_scope('mmseg')


def _write_camvid(root, label):
    for folder in ('images/train', 'annotations/train'):
        (root / folder).mkdir(parents=True)
    image = np.zeros((*label.shape, 3), np.uint8)
    cv2.imwrite(str(root / 'images/train/a.jpg'), image)
    cv2.imwrite(str(root / 'annotations/train/a.png'), label)


def _build(root, **kwargs):
    return DATASETS.build(
        dict(
            type='CamVidDataset',
            data_root=str(root),
            data_prefix=dict(
                img_path='images/train', seg_map_path='annotations/train'),
            pipeline=[
                dict(type='LoadImageFromFile'),
                dict(type='LoadCheckedAnnotations', num_classes=11)
            ],
            **kwargs))


def test_camvid__void_of_the_files_becomes_255(tmp_path):
    _write_camvid(tmp_path, np.uint8([[0, 10, 11], [3, 254, 255]]))
    gt = _build(tmp_path)[0]['gt_seg_map']
    assert gt.tolist() == [[0, 10, 255], [3, 254, 255]]
    assert gt.dtype == np.uint8


def test_camvid__a_subset_of_classes_keeps_the_void_rule(tmp_path):
    _write_camvid(tmp_path, np.uint8([[0, 3, 11, 8]]))
    dataset = _build(tmp_path, metainfo=dict(classes=['road', 'sky']))
    assert dataset[0]['gt_seg_map'].tolist() == [[1, 0, 255, 255]]
    assert dataset.metainfo['palette'] == [[128, 64, 128], [128, 128, 128]]


def test_camvid__one_colour_for_each_class(tmp_path):
    _write_camvid(tmp_path, np.uint8([[0]]))
    metainfo = _build(tmp_path).metainfo
    assert len(metainfo['classes']) == len(metainfo['palette']) == 11


@pytest.mark.parametrize('split, length', [('train', 367), ('val', 101)])
def test_camvid__reads_the_real_files(shared_data_dir, split, length):
    dataset = DATASETS.build(
        dict(
            type='CamVidDataset',
            data_root=str(shared_data_dir / 'camvid'),
            data_prefix=dict(
                img_path=f'images/{split}',
                seg_map_path=f'annotations/{split}'),
            pipeline=[
                dict(type='LoadImageFromFile'),
                dict(type='LoadCheckedAnnotations', num_classes=11)
            ]))
    assert len(dataset) == length
    ids = set(np.unique(dataset[0]['gt_seg_map']).tolist())
    assert ids <= {*range(11), 255} and 3 in ids
