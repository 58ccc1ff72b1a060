import pytest
import torch

from mmseg_anomaly.models.backbones import EoMTViT
from mmseg_anomaly.models.decode_heads import EoMTDecodeHead

VIT = dict(arch=dict(embed_dim=12, depth=3, num_heads=3), img_size=(32, 32),
           num_joint_blocks=1)


@pytest.fixture
def convert(load_tool):
    return load_tool('model_converters/eomt2mmseg.py').convert


def original():
    """The halves' parameters under the names of the original code."""
    backbone = EoMTViT(**VIT)
    head = EoMTDecodeHead(**VIT, num_classes=2, num_queries=3)
    weights = {'encoder.pixel_mean': torch.zeros(1, 3, 1, 1)}
    for key, value in backbone.state_dict().items():
        weights[f'encoder.backbone.{key}'] = value
    for key, value in head.state_dict().items():
        key = key.replace('queries', 'q').replace('.0.0.', '.0.conv1.')
        key = key.replace('.0.2.weight', '.0.conv2.weight')
        key = key.replace('upscale.0.3', 'upscale.0.norm')
        key = key.replace('.1.0.', '.1.conv1.')
        key = key.replace('upscale.1.2', 'upscale.1.conv2')
        key = key.replace('upscale.1.3', 'upscale.1.norm')
        if key.startswith('blocks.'):
            key = key.replace('blocks.0', 'encoder.backbone.blocks.2')
        if key.startswith('norm.'):
            key = f'encoder.backbone.{key}'
        weights[key] = value
    weights = {f'network.{key}': value for key, value in weights.items()}
    weights['criterion.empty_weight'] = torch.ones(3)
    return weights, backbone, head


def test_convert__every_key_finds_its_half(convert):
    weights, backbone, head = original()
    converted = convert(weights)
    expected = {
        **{f'backbone.{k}': v for k, v in backbone.state_dict().items()},
        **{f'decode_head.{k}': v for k, v in head.state_dict().items()}
    }
    assert converted.keys() == expected.keys()
    assert all(torch.equal(converted[k], expected[k]) for k in expected)


def test_convert__other_file(convert):
    with pytest.raises(ValueError, match='no `network.attn_mask_probs`'):
        convert({'model.weight': torch.ones(1)})
