"""MMSeg's functions for images without labels run on our configs."""
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmseg.apis import MMSegInferencer, inference_model, init_model
from mmseg.registry import MODELS
from PIL import Image

import mmseg_anomaly  # noqa: F401

CONFIG = (Path(__file__).resolve().parents[3]
          / 'configs/eomt_ext/eomt_tiny_demo_oe_eim.py')
CLASSES = ('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h')


@pytest.fixture
def checkpoint(tmp_path):
    with DefaultScope.overwrite_default_scope('mmseg'):
        model = MODELS.build(Config.fromfile(CONFIG).model)
        path = tmp_path / 'tiny.pth'
        torch.save(dict(
            state_dict=model.state_dict(),
            meta=dict(dataset_meta=dict(classes=CLASSES, palette=None))), path)
        yield str(path)


@pytest.fixture
def image(tmp_path):
    noise = np.random.default_rng(0).integers(256, size=(50, 90, 3))
    path = tmp_path / 'street.png'
    Image.fromarray(noise.astype(np.uint8)).save(path)
    return str(path)


def test_inference_model__takes_a_path_or_a_bgr_array(checkpoint, image):
    model = init_model(CONFIG, checkpoint, device='cpu')
    from_path = inference_model(model, image)
    bgr = np.asarray(Image.open(image))[..., ::-1].copy()
    from_array = inference_model(model, bgr)
    assert from_path.pred_anomaly_map.data.shape == (1, 50, 90)
    assert torch.equal(from_path.pred_anomaly_map.data,
                       from_array.pred_anomaly_map.data)
    assert 'gt_sem_seg' not in from_path


def test_inferencer__takes_a_path(checkpoint, image):
    inferencer = MMSegInferencer(str(CONFIG), checkpoint, device='cpu')
    result = inferencer(image, return_datasamples=True)
    assert result.pred_anomaly_map.data.shape == (1, 50, 90)
