"""The pipelines of the base configs run on files laid out as they expect."""
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS

import mmseg_anomaly  # noqa: F401

FOLDER = Path(__file__).parents[2] / 'configs/_base_/datasets'
CITYSCAPES = ('leftImg8bit/{}/a/a_leftImg8bit.png',
              'gtFine/{}/a/a_gtFine_labelTrainIds.png')
LAYOUTS = {
    'cityscapes_512x1024': CITYSCAPES,
    'cityscapes_640x640': CITYSCAPES,
    'cityscapes_1024x1024': CITYSCAPES,
    'camvid_352x480': ('images/{}/a.jpg', 'annotations/{}/a.png'),
    'synthetic_roads': ('images/{}/a.png', 'labels/{}/a.png')
}


@pytest.fixture(params=LAYOUTS)
def config_and_root(request, tmp_path):
    init_default_scope('mmseg')
    rng = np.random.default_rng(0)
    for split in ('train', 'val', 'test'):
        image, label = (tmp_path / name.format(split)
                        for name in LAYOUTS[request.param])
        for path, shape in ((image, (60, 100, 3)), (label, (60, 100))):
            path.parent.mkdir(parents=True)
            cv2.imwrite(str(path), rng.integers(0, 8, shape, np.uint8))
    return Config.fromfile(FOLDER / f'{request.param}.py'), tmp_path


def _sample(dataset_cfg, root):
    dataset = DATASETS.build({**dataset_cfg, 'data_root': str(root)})
    assert len(dataset) == 1
    return dataset[0]


def test_train_pipeline__crops_image_and_label_alike(config_and_root):
    cfg, root = config_and_root
    sample = _sample(cfg.train_dataloader.dataset, root)
    image_hw = tuple(sample['inputs'].shape[1:])
    assert image_hw == sample['data_samples'].gt_sem_seg.shape
    assert all(side <= limit for side, limit in zip(
        image_hw, cfg.crop_size, strict=True))
    assert max(side / limit for side, limit in zip(
        image_hw, cfg.crop_size, strict=True)) > 0.45


def test_test_pipeline__resizes_the_image_alone(config_and_root):
    cfg, root = config_and_root
    sample = _sample(cfg.val_dataloader.dataset, root)
    height, width = sample['inputs'].shape[1:]
    assert sample['data_samples'].gt_sem_seg.shape == (60, 100)
    if _keeps_the_size(cfg):
        assert (height, width) == (60, 100)
        return
    assert height >= cfg.crop_size[0] and width >= cfg.crop_size[1]
    assert height == cfg.crop_size[0] or width == cfg.crop_size[1]


def test_static_set__goes_through_the_test_pipeline(config_and_root):
    cfg, root = config_and_root
    dataset_cfg = cfg.test_dataloader.dataset
    if dataset_cfg.type != 'StaticAnomalyDataset':
        pytest.skip('this config tests on its own anomaly images')
    image, label = (name.format('val') for name in _layout_of(cfg))
    stored = np.full((60, 100), 254, np.uint8)
    cv2.imwrite(str(root / label), stored)
    metainfo = DATASETS.get(cfg.dataset_type).METAINFO
    (root / 'manifest.json').write_text(json.dumps(dict(
        metainfo, images=[dict(image=image, annotation=label)])))
    sample = _sample(dataset_cfg, root)
    seg_label = sample['data_samples'].gt_sem_seg
    assert seg_label.shape == (60, 100)
    assert (seg_label.data == 254).all()
    assert dataset_cfg.pipeline == cfg.val_dataloader.dataset.pipeline


def _keeps_the_size(cfg):
    return all(step.type != 'ResizeToWindow'
               for step in cfg.val_dataloader.dataset.pipeline)


def _layout_of(cfg):
    return LAYOUTS[Path(cfg.filename).stem]


def test_pipelines__check_labels_of_every_class(config_and_root):
    cfg, _ = config_and_root
    names = DATASETS.get(cfg.dataset_type).METAINFO['classes']
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        steps = [step for step in cfg[loader].dataset.pipeline
                 if step.type == 'LoadCheckedAnnotations']
        assert [step.num_classes for step in steps] == [len(names)]
