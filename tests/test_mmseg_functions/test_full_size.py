"""Three networks as large as their configs make them, on a real size."""
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.apis import inference_model, init_model

from .conftest import CONFIG_DIR

CONFIGS = ('eomt_ext/eomt_b_640.py',
           'eomt_ext/eomt_s_352x480_camvid_pixel-head.py',
           'erfnet/erfnet_fcn_1xb4-160k_cityscapes-512x1024.py')


@pytest.mark.full_size
@pytest.mark.parametrize('name', CONFIGS)
def test_full_size__gives_classes_and_a_map(name):
    cfg = Config.fromfile(CONFIG_DIR / name)
    if 'vit' in cfg.model:
        cfg.model.vit.pretrained = None
    torch.manual_seed(0)
    model = init_model(cfg, device='cpu')
    picture = np.random.default_rng(0).integers(
        256, size=(512, 1024, 3), dtype=np.uint8)[:, :512]
    result = inference_model(model, picture)
    assert result.pred_sem_seg.data.shape == (1, 512, 512)
    assert result.pred_anomaly_map.data.isfinite().all()
    assert len(model.dataset_meta['classes']) in (11, 19)
