import copy

import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS

import mmseg_anomaly  # noqa: F401
from mmseg_anomaly.models.eomt import vit_settings
from mmseg_anomaly.models.eomt.vit import build_vit, materialize
from mmseg_anomaly.models.eomt.vit_weights import load_vit_weights

ARCH = dict(embed_dim=12, depth=4, num_heads=3)
VIT = dict(arch=ARCH, img_size=(16, 24), patch_size=8, num_joint_blocks=2)
SEMANTIC = dict(type='EoMTDecodeHead', num_classes=3, num_queries=5)
PIXEL = dict(type='PixelAnomalyHead', hidden_dim=8, semantic_head=SEMANTIC)


def build(vit=None, backbone=None, head=SEMANTIC):
    init_default_scope('mmseg')
    cfg = ConfigDict(
        type='SlideInferenceWithStitch', vit=vit,
        backbone=dict(type='EoMTViT', **(backbone or {})), decode_head=head)
    before = copy.deepcopy(cfg)
    model = MODELS.build(cfg)
    assert cfg == before
    return model


def both(backbone=None, **head):
    """Both halves state the ViT, as configs did before ``vit``."""
    return build(None, {**VIT, **(backbone or {})},
                 {**SEMANTIC, **VIT, **head})


@pytest.mark.parametrize('head', [SEMANTIC, PIXEL], ids=['eomt', 'pixel'])
def test_vit__reaches_both_halves(head):
    model = build(dict(VIT, pretrained='vit.pth'), head=head)
    settings = model.backbone.vit_settings
    assert vars(settings) == dict(VIT, pretrained='vit.pth')
    assert model.decode_head.vit_settings == settings
    assert len(model.backbone.blocks) == 2


def test_vit__keys_left_out_stay_at_the_defaults():
    settings = build(dict(arch=ARCH, img_size=(32, 32))).backbone.vit_settings
    assert settings.patch_size == 16
    assert settings.num_joint_blocks == 3
    assert settings.pretrained is None


def test_vit__is_the_model_that_states_it_twice():
    torch.manual_seed(0)
    once = build(VIT).state_dict()
    torch.manual_seed(0)
    twice = both().state_dict()
    assert once.keys() == twice.keys()
    assert all(torch.equal(once[key], twice[key]) for key in once)


def test_vit__a_half_may_repeat_it_and_keep_its_own_options():
    model = build(VIT, dict(img_size=[16, 24], frozen=True),
                  dict(SEMANTIC, with_cp=True))
    assert model.backbone.frozen
    assert model.decode_head.with_cp


def test_vit__unknown_key():
    with pytest.raises(ValueError, match=r"unknown keys \['frozen'\]; it "
                                         r"takes \['arch', 'img_size'"):
        build(dict(VIT, frozen=True))


@pytest.mark.parametrize(('backbone', 'head', 'message'), [
    (dict(patch_size=4), SEMANTIC,
     '`model.backbone.patch_size` is 4 and `model.vit.patch_size` is 8'),
    (None, dict(SEMANTIC, num_joint_blocks=1),
     '`model.decode_head.num_joint_blocks` is 1 and .* is 2: set '
     '`model.vit.num_joint_blocks`'),
    (None, dict(PIXEL, semantic_head=dict(SEMANTIC, img_size=(8, 8))),
     r'`model.decode_head.semantic_head.img_size` is \(8, 8\)'),
])
def test_vit__a_half_contradicts_it(backbone, head, message):
    with pytest.raises(ValueError, match=message):
        build(VIT, backbone, head)


@pytest.mark.parametrize(('key', 'value', 'shown'), [
    ('arch', dict(ARCH, depth=6), "'depth': 4.* and .*'depth': 6"),
    ('img_size', (16, 16), r'\(16, 24\) .* and \(16, 16\)'),
    ('patch_size', 4, '8 in .* and 4 in'),
    ('num_joint_blocks', 3, '2 in .* and 3 in'),
    ('pretrained', 'vit.pth', "None in .* and 'vit.pth'"),
])
def test_halves__that_disagree_are_refused(key, value, shown):
    with pytest.raises(ValueError, match=f'halves of one ViT: `{key}` is '
                                         f'.*{shown}'):
        both(**{key: value})
    with pytest.raises(ValueError, match='state it once, as `model.vit'):
        both({key: value})


@pytest.mark.parametrize('head', [SEMANTIC, PIXEL], ids=['eomt', 'pixel'])
def test_init_weights__reads_the_file_for_both_halves(
        head, tmp_path, monkeypatch):
    torch.manual_seed(0)
    vit = materialize(build_vit(ARCH, (16, 24), 8))
    path = str(tmp_path / 'vit.pth')
    torch.save(vit.state_dict(), path)
    read = []
    monkeypatch.setattr(vit_settings, 'load_vit_weights', lambda *a, **k: (
        read.append(a[0]), load_vit_weights(*a, **k))[1])
    for _ in range(2):  # nothing is kept for the next model
        model = build(dict(VIT, pretrained=path), head=head)
        model.init_weights()
        half = model.decode_head
        half = half.semantic_head if head is PIXEL else half
        assert torch.equal(model.backbone.pos_embed, vit.pos_embed)
        assert torch.equal(half.blocks[1].attn.qkv.weight,
                           vit.blocks[3].attn.qkv.weight)
    assert read == [path] * 2
    model.backbone.vit_settings.read_pretrained()
    assert read == [path] * 3  # nor for a half on its own


def test_config__that_overrides_one_half_of_our_base(tmp_path):
    base = f'{mmseg_anomaly.__path__[0]}/../configs/eomt_ext/eomt_b_640.py'
    path = tmp_path / 'old.py'
    path.write_text(f"_base_ = '{base}'\n"
                    "vit = dict(arch='vit_small_patch14_reg4_dinov2')\n"
                    'model = dict(backbone=vit, decode_head=vit)\n')
    with pytest.raises(ValueError, match='set `model.vit.arch`'):
        MODELS.build(Config.fromfile(path).model)
