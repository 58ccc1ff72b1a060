"""MMSeg's own functions work for every config that holds a model."""
import functools

import cv2
import numpy as np
import pytest
import torch
from mmengine.analysis import get_model_complexity_info
from mmengine.config import Config
from mmengine.dataset import Compose
from mmseg.apis import (
    MMSegInferencer,
    inference_model,
    init_model,
    show_result_pyplot,
)
from mmseg.registry import DATASETS

from mmseg_anomaly.engine.unlabelled import measure_nothing_without_labels

from .conftest import CONFIGS, SIZE_HW

pytestmark = pytest.mark.filterwarnings('ignore::torch.jit.TracerWarning')

PICTURE_HW = (30, 70)


def picture(channels=3, size_hw=PICTURE_HW):
    return np.random.default_rng(0).integers(
        256, size=(*size_hw, channels), dtype=np.uint8)


def training_set(cfg: Config) -> dict:
    return DATASETS.get(cfg.train_dataloader.dataset.type).METAINFO


def test_configs__are_found():
    assert len(CONFIGS) > 40


@pytest.mark.parametrize('name', CONFIGS)
def test_functions__find_anomalies_and_name_classes(
        name, small_config, trained, tmp_path):
    cfg = small_config(name)
    model = init_model(cfg, str(trained(name)), device='cpu')
    result = inference_model(model, picture())
    anomaly_map = result.pred_anomaly_map.data
    assert anomaly_map.shape == (1, *PICTURE_HW)
    assert anomaly_map.isfinite().all()
    assert 'gt_sem_seg' not in result
    expected = training_set(cfg)
    assert model.dataset_meta['classes'] == tuple(expected['classes'])
    assert model.dataset_meta['palette'] == [
        list(color) for color in expected['palette']]
    out = tmp_path / 'drawn.png'
    drawn = show_result_pyplot(
        model, picture(), result, show=False, out_file=str(out))
    assert drawn.shape == (*PICTURE_HW, 3)
    assert out.is_file()


@pytest.mark.parametrize('name', CONFIGS)
def test_inferencer__gives_classes_and_pictures(
        name, small_config, trained, tmp_path):
    cfg = small_config(name)
    inferencer = MMSegInferencer(
        cfg, str(trained(name)), device='cpu', show_progress=False)
    result = inferencer(picture(), return_vis=True, out_dir=str(tmp_path))
    classes = training_set(cfg)['classes']
    assert result['predictions'].shape == PICTURE_HW
    assert result['predictions'].max() < len(classes)
    assert inferencer.visualizer.dataset_meta['classes'] == tuple(classes)
    assert result['visualization'].ndim == 3


@pytest.fixture(scope='module')
def pictures(tmp_path_factory):
    """A folder of one picture without a label."""
    folder = tmp_path_factory.mktemp('pictures')
    cv2.imwrite(str(folder / 'a.jpg'), picture())
    return folder


@pytest.mark.parametrize('name', CONFIGS)
def test_pictures_without_labels__pass_the_pipelines(
        name, small_config, pictures):
    """What `tools/test.py` hands to the model, with and without --tta."""
    cfg = small_config(name)
    pipelines = cfg.test_dataloader.dataset.pipeline, cfg.tta_pipeline
    expected = Compose([step for step in cfg.test_pipeline
                        if step.type != 'LoadCheckedAnnotations'])(
        dict(img_path=str(pictures / 'a.jpg')))
    for pipeline in pipelines:
        cfg.test_dataloader.dataset = dict(
            type='BaseSegDataset', data_root=str(pictures),
            data_prefix=dict(img_path=''), pipeline=pipeline)
        assert measure_nothing_without_labels(cfg, writes=True)
        found, = DATASETS.build(cfg.test_dataloader.dataset)
        inputs, samples = found['inputs'], found['data_samples']
        if pipeline is pipelines[0]:
            inputs, samples = [inputs], [samples]
            assert torch.equal(inputs[0], expected['inputs'])
        assert not any('gt_sem_seg' in sample for sample in samples)


@pytest.mark.parametrize('name', CONFIGS)
def test_complexity__is_counted(name, small_model):
    model = small_model(name)
    params, flops = count_operations(model)
    assert params == sum(p.numel() for p in model.parameters())
    assert flops > SIZE_HW[0] * SIZE_HW[1]


@functools.cache  # configs share networks
def count_operations(model):
    counted = get_model_complexity_info(
        model, (3, *SIZE_HW), show_table=False, show_arch=False)
    return counted['params'], counted['flops']


@pytest.mark.parametrize('name', CONFIGS)
def test_tensor_mode__is_traced_for_any_batch(name, small_model):
    for output, expected in traced_on_three(small_model(name)):
        torch.testing.assert_close(output, expected, atol=1e-4, rtol=1e-4)


@functools.cache
def traced_on_three(model):
    """Outputs of a graph traced with one image, and of the model."""
    inputs = torch.randn(3, 3, *SIZE_HW)
    with torch.no_grad():
        graph = torch.jit.trace(model, (inputs[:1], ), strict=False,
                                check_trace=False)
        outputs, expected = graph(inputs), model(inputs)
    if torch.is_tensor(expected):
        return [(outputs, expected)]
    return list(zip(outputs, expected, strict=True))
