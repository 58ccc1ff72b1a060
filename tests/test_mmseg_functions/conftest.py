"""Every config that holds a model, with a small network."""
import copy
import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS
from torch import nn

import mmseg_anomaly  # noqa: F401
from mmseg_anomaly.class_names import meta_of_config

CONFIG_DIR = Path(__file__).resolve().parents[2] / 'configs'
CONFIGS = sorted(
    str(path.relative_to(CONFIG_DIR)) for path in CONFIG_DIR.glob('*/**/*.py')
    if not {'_base_', 'benchmarks'} & set(path.relative_to(CONFIG_DIR).parts))

_NAMES: dict[str, str] = {}  # network -> the first config that has it

SIZE_HW = (56, 112)  # of windows
TINY_VIT = dict(arch=dict(embed_dim=16, depth=3, num_heads=2), patch_size=14,
                img_size=SIZE_HW, num_joint_blocks=1, pretrained=None)
TINY_DINOV3 = dict(
    TINY_VIT, patch_size=14,
    arch=dict(embed_dim=16, depth=3, num_heads=1, rope_type='dinov3',
              use_abs_pos_emb=False, num_reg_tokens=4, qkv_fused=True,
              init_values=1e-5, use_rot_pos_emb=True, class_token=True,
              rope_rotate_half=True))
TINY_PARTS = {
    'ERFNet': dict(
        backbone=dict(
            enc_downsample_channels=(4, 8, 16),
            enc_stage_non_bottlenecks=(1, 1),
            enc_non_bottleneck_dilations=(2, ),
            enc_non_bottleneck_channels=(8, 16),
            dec_upsample_channels=(8, 4),
            dec_stages_non_bottleneck=(1, 1),
            dec_non_bottleneck_channels=(8, 4)),
        decode_head=dict(in_channels=4, channels=4)),
    'mmpretrain.ConvNeXt': dict(
        backbone=dict(
            init_cfg=None,
            arch=dict(depths=[1, 1, 1, 1], channels=[4, 6, 8, 10])),
        decode_head=dict(in_channels=[4, 6, 8, 10], channels=4),
        auxiliary_head=dict(in_channels=8, channels=4)),
    'mmpretrain.VisionTransformer': dict(
        backbone=dict(
            init_cfg=None, img_size=28,
            arch=dict(embed_dims=8, num_layers=2, num_heads=2,
                      feedforward_channels=16)),
        decode_head=dict(in_channels=8, channels=8)),
}


def shrink(cfg: Config) -> Config:
    """Cut width, depth and windows; pipeline and wiring stay."""
    model = cfg.model
    if 'vit' in model:
        shrink_eomt(model)
    else:
        for part, changes in TINY_PARTS[model.backbone.type].items():
            model[part].update(changes)
    if model.decode_head.type == 'ERFNetDeconvHead':
        del model.decode_head['channels']
    model.data_preprocessor.size = SIZE_HW
    if 'crop_size' in model.test_cfg:
        model.test_cfg.crop_size = SIZE_HW
    if model.test_cfg.get('stride'):
        model.test_cfg.stride = (19, 38)
    for pipeline in (cfg.test_pipeline, cfg.test_dataloader.dataset.pipeline):
        for step in pipeline:
            step.update({'ResizeToWindow': dict(window_size=SIZE_HW),
                         'Resize': dict(scale=SIZE_HW[::-1])
                         }.get(step.type, {}))
    cfg.visualizer.vis_backends = [dict(type='LocalVisBackend')]
    return cfg


def shrink_eomt(model: ConfigDict) -> None:
    rotary = 'dinov3' in str(model.vit.arch)
    model.vit = TINY_DINOV3 if rotary else TINY_VIT
    head = model.decode_head
    head.get('semantic_head', head).num_queries = 5
    if 'semantic_head' in head:
        head.hidden_dim = 8


@functools.cache
def _small(name: str) -> Config:
    return shrink(Config.fromfile(CONFIG_DIR / name))


def _network_of(cfg: Config) -> ConfigDict:
    """What configs that differ in losses or scorers have in common."""
    model = copy.deepcopy(cfg.model)
    for part in (model, model.decode_head,
                 model.decode_head.get('semantic_head', {})):
        for key in ('outlier_losses', 'query_losses', 'criterion', 'test_cfg'):
            part.pop(key, None)
    return model


@functools.cache
def _built(network: str, name: str) -> nn.Module:
    torch.manual_seed(0)
    return MODELS.build(copy.deepcopy(_small(name).model)).eval()


@pytest.fixture(autouse=True)
def _scope() -> Iterator[None]:
    before = dict(DefaultScope._instance_dict)
    with DefaultScope.overwrite_default_scope('mmseg'):
        yield
    DefaultScope._instance_dict.clear()
    DefaultScope._instance_dict.update(before)


@pytest.fixture
def small_config() -> Callable[[str], Config]:
    """Return a function from a config's name to a copy with a small model."""
    return lambda name: copy.deepcopy(_small(name))


@pytest.fixture
def small_model() -> Callable[[str], nn.Module]:
    """Return a function from a config's name to its network, shared."""

    def get(name: str) -> nn.Module:
        network = repr(_network_of(_small(name)))
        return _built(network, _NAMES.setdefault(network, name))

    return get


@pytest.fixture
def trained(tmp_path: Path,
            small_model: Callable[[str], nn.Module]) -> Callable[[str], Path]:
    """Return a function that writes what MMEngine would after training."""

    def write(name: str) -> Path:
        model = small_model(name)
        meta = meta_of_config(_small(name), model.decode_head.num_classes)
        path = tmp_path / 'iter_1.pth'
        torch.save(dict(state_dict=model.state_dict(),
                        meta=dict(dataset_meta=meta)), path)
        return path

    return write
