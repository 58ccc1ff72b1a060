"""Tests of layer-wise learning rates."""
import json
import re

import pytest
from torch import nn

from mmseg_anomaly.engine.optimizers import EoMTOptimWrapperConstructor
from mmseg_anomaly.models.backbones import EoMTViT
from mmseg_anomaly.models.decode_heads import EoMTDecodeHead

ARCH = dict(embed_dim=48, depth=5, num_heads=3, reg_tokens=4, init_values=1.)
VARIANTS = {
    'tiny.default': dict(),
    'tiny.l2_disabled': dict(decay_joint_blocks=False),
    'tiny.llrd_1': dict(layer_decay=1.),
}


class FakeHalf(nn.Module):
    """Two blocks of a ViT of four, and something before them."""

    def __init__(self, first_block: int) -> None:
        super().__init__()
        self.first_block = first_block
        self.embed = nn.Linear(1, 1, bias=False)
        self.blocks = nn.ModuleList(nn.Linear(1, 1, bias=False)
                                    for _ in range(2))

    def get_layer_depth(self, param_name, prefix=''):
        name = param_name.removeprefix(prefix)
        if name.startswith('blocks.'):
            return self.first_block + int(name.split('.')[1]), 4
        return (3 if self.first_block else 0), 4

    def is_backbone_param(self, param_name, prefix=''):
        return self.first_block == 0 or 'blocks' in param_name


class FakeJointHalf(FakeHalf):

    def set_attn_mask_probs(self, probs):
        pass


def _fake_model() -> nn.Module:
    return nn.ModuleDict(dict(
        backbone=FakeHalf(0), decode_head=FakeJointHalf(2),
        neck=nn.Linear(1, 1, bias=False)))


def _groups(model: nn.Module, lr: float = 1e-4, **paramwise_cfg) -> dict:
    cfg = dict(optimizer=dict(type='AdamW', lr=lr, weight_decay=0.05))
    wrapper = EoMTOptimWrapperConstructor(cfg, paramwise_cfg)(model)
    names = {id(param): name for name, param in model.named_parameters()}
    return {names[id(param)]: group
            for group in wrapper.optimizer.param_groups
            for param in group['params']}


def test_constructor__rates_fall_towards_the_input():
    groups = _groups(_fake_model(), lr=1., layer_decay=0.5)
    assert {name: (g['lr'], g['is_backbone'])
            for name, g in groups.items()} == {
        'backbone.embed.weight': (0.125, True),
        'backbone.blocks.0.weight': (0.125, True),
        'backbone.blocks.1.weight': (0.25, True),
        'decode_head.embed.weight': (1., False),
        'decode_head.blocks.0.weight': (0.5, True),
        'decode_head.blocks.1.weight': (1., True),
        'neck.weight': (1., False),
    }
    assert {g['weight_decay'] for g in groups.values()} == {0.05}


def test_constructor__joint_blocks_may_keep_the_full_rate():
    groups = _groups(_fake_model(), lr=1., layer_decay=0.5,
                     decay_joint_blocks=False)
    assert groups['decode_head.blocks.0.weight']['lr'] == 1.
    assert groups['decode_head.blocks.0.weight']['is_backbone']
    assert groups['backbone.blocks.1.weight']['lr'] == 0.25


def test_constructor__equal_rates_share_a_group():
    groups = _groups(_fake_model(), layer_decay=0.5)
    assert len({id(group) for group in groups.values()}) == 5


def test_constructor__leaves_out_frozen_parameters():
    model = _fake_model()
    model['backbone'].requires_grad_(False)
    assert set(_groups(model)) == {
        'decode_head.embed.weight', 'decode_head.blocks.0.weight',
        'decode_head.blocks.1.weight', 'neck.weight'}


def test_constructor__decays_without_paramwise_cfg():
    cfg = dict(optimizer=dict(type='AdamW', lr=1.))
    wrapper = EoMTOptimWrapperConstructor(cfg)(_fake_model())
    rates = {group['lr'] for group in wrapper.optimizer.param_groups}
    assert min(rates) == pytest.approx(0.8**3)


def _our_name(official: str, first_joint_block: int) -> str:
    name = official.removeprefix('network.')
    name = name.replace('q.weight', 'decode_head.queries.weight')
    name = re.sub(r'^(upscale|mask_head|class_head)', r'decode_head.\1', name)
    for theirs, ours in (('conv1', '0'), ('conv2', '2'), ('norm', '3')):
        name = re.sub(rf'(upscale\.\d+)\.{theirs}', rf'\1.{ours}', name)
    name = name.replace('encoder.backbone.norm', 'decode_head.norm')
    name = name.removeprefix('encoder.')
    block = re.match(r'backbone\.blocks\.(\d+)\.(.*)', name)
    if block and int(block[1]) >= first_joint_block:
        index = int(block[1]) - first_joint_block
        name = f'decode_head.blocks.{index}.{block[2]}'
    return name


def _eomt(arch, num_joint_blocks: int, **head) -> nn.Module:
    size = dict(img_size=(64, 64), num_joint_blocks=num_joint_blocks)
    return nn.ModuleDict(dict(
        backbone=EoMTViT(arch, **size),
        decode_head=EoMTDecodeHead(arch, **size, **head)))


def _assert_groups_match(net: dict, model: nn.Module, first_joint_block: int,
                         **paramwise_cfg) -> None:
    groups = _groups(model, net['hyper']['lr'], **paramwise_cfg)
    want = {_our_name(group['name'], first_joint_block): group
            for group in net['groups_in_order']}
    assert set(groups) == set(want)
    for name, group in want.items():
        ours = groups[name]
        assert ours['lr'] == pytest.approx(group['lr'], rel=1e-12), name
        assert ours['is_backbone'] == group['is_backbone'], name
        assert ours['weight_decay'] == group['weight_decay'], name


@pytest.mark.parametrize('variant', VARIANTS)
def test_constructor__matches_reference(reference_dir, variant):
    numbers = json.loads(
        (reference_dir / 'D_optimizer_groups.json').read_text())
    model = _eomt(ARCH, 2, num_classes=5, num_queries=7)
    _assert_groups_match(numbers['nets'][variant], model, 3,
                         **VARIANTS[variant])


def test_constructor__matches_reference_of_the_real_net(reference_dir):
    numbers = json.loads(
        (reference_dir / 'D_optimizer_groups.json').read_text())
    arch = dict(embed_dim=12, depth=12, num_heads=1, reg_tokens=4,
                init_values=1.)
    model = _eomt(arch, 3, num_classes=19)
    _assert_groups_match(numbers['nets']['real.default'], model, 9)


@pytest.mark.parametrize('paramwise_cfg, message', [
    (dict(layer_decya=0.8), r"got \['layer_decya'\]"),
    (dict(layer_decay=0.), r'`layer_decay` must lie in \(0, 1\], got 0'),
    (dict(layer_decay=1.1), r'`layer_decay` must lie in \(0, 1\], got 1.1'),
])
def test_constructor__bad_config_is_named(paramwise_cfg, message):
    cfg = dict(optimizer=dict(type='AdamW', lr=1.))
    with pytest.raises(ValueError, match=message):
        EoMTOptimWrapperConstructor(cfg, paramwise_cfg)


def test_constructor__needs_a_rate_and_a_vit():
    with pytest.raises(ValueError, match='must state its `lr`'):
        EoMTOptimWrapperConstructor(dict(optimizer=dict(type='AdamW')))
    with pytest.raises(ValueError, match='Linear has none'):
        _groups(nn.Linear(1, 1))
