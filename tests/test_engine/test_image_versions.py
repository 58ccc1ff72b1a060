"""--scales and --tta, from the config to the images a model sees."""
import copy

import numpy as np
import pytest
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image

from mmseg_anomaly.engine.image_versions import choose_versions

LOAD = dict(type='LoadImageFromFile')
RESIZE = dict(type='ResizeToWindow', window_size=(32, 48))
PACK = dict(type='PackSegInputs')
FLIPS = [dict(type='RandomFlip', prob=0.), dict(type='RandomFlip', prob=1.)]


@pytest.fixture
def cfg():
    return Config(copy.deepcopy(dict(
        model=dict(type='Any'),
        tta_model=dict(type='AnomalyTTAModel'),
        test_dataloader=dict(dataset=dict(pipeline=[LOAD, RESIZE, PACK])),
        tta_pipeline=[LOAD, dict(type='TestTimeAug', transforms=[
            [RESIZE], FLIPS, [PACK]])])))


def sizes_of(cfg, tmp_path):
    """Sizes of the versions that the model is given, flips marked."""
    init_default_scope('mmseg')
    Image.fromarray(np.zeros((64, 96, 3), np.uint8)).save(tmp_path / 'a.png')
    packed = Compose(cfg.test_dataloader.dataset.pipeline)(
        dict(img_path=str(tmp_path / 'a.png')))
    inputs, samples = packed['inputs'], packed['data_samples']
    if not isinstance(inputs, list):
        inputs, samples = [inputs], [samples]
    return [(*image.shape[1:], sample.metainfo.get('flip', False))
            for image, sample in zip(inputs, samples, strict=True)]


def test_versions__by_default_those_of_the_config(cfg, tmp_path):
    before = copy.deepcopy(cfg.to_dict())
    choose_versions(cfg, False, [1.])
    assert cfg.to_dict() == before
    assert sizes_of(cfg, tmp_path) == [(32, 48, False)]


def test_scales__one_is_another_size(cfg, tmp_path):
    choose_versions(cfg, False, [1.5])
    assert sizes_of(cfg, tmp_path) == [(48, 72, False)]
    assert cfg.model.type == 'Any'


def test_scales__several_are_merged(cfg, tmp_path):
    cfg.tta_model = cfg.tta_pipeline = None
    choose_versions(cfg, False, [1., 2.])
    assert sizes_of(cfg, tmp_path) == [(32, 48, False), (64, 96, False)]
    assert cfg.model == dict(type='AnomalyTTAModel', module=dict(type='Any'))


def test_scales__with_the_flips_of_the_config(cfg, tmp_path):
    choose_versions(cfg, True, [1., 2.])
    assert sorted(sizes_of(cfg, tmp_path)) == [
        (32, 48, False), (32, 48, True), (64, 96, False), (64, 96, True)]
    assert cfg.model.module.type == 'Any'


def test_tta__alone(cfg, tmp_path):
    choose_versions(cfg, True, [1.])
    assert sizes_of(cfg, tmp_path) == [(32, 48, False), (32, 48, True)]


def test_scales__need_the_step_that_they_change(cfg):
    cfg.test_dataloader.dataset.pipeline = [LOAD, PACK]
    with pytest.raises(ValueError, match=(
            "of ResizeToWindow, which .* lacks, got .'LoadImageFromFile', "
            "'PackSegInputs'")):
        choose_versions(cfg, False, [2.])


@pytest.mark.parametrize('key', ['tta_pipeline', 'tta_model'])
def test_tta__needs_what_the_config_says(cfg, key):
    cfg[key] = None
    with pytest.raises(ValueError, match=f'--tta needs `{key}`'):
        choose_versions(cfg, True, [1.])
