import pytest
import torch

from mmseg_anomaly.model_conversion import (
    add_backbone,
    from_original,
    from_ours,
    holds_differences,
    to_original,
)
from mmseg_anomaly.model_conversion.eomt_weights import EoMTWeights

MEAN = 'network.encoder.pixel_mean'


def differences(weights, backbone):
    """As the original code's loader expects them: buffers too."""
    original = to_original(EoMTWeights(
        {k: v - backbone[k] for k, v in weights.vit.items()},
        {**weights.head,
         'attn_mask_probs': weights.head['attn_mask_probs'] - 1}, {}))
    return from_original({
        k: torch.zeros_like(v) if 'pixel_' in k else v
        for k, v in original.items()})


@pytest.mark.parametrize('arch', ['registers', 'class_position', 'rotary'])
def test_add__restores_the_whole(arch, make_model, log):
    weights = from_ours(make_model(arch).state_dict())
    backbone = from_ours(make_model(arch, seed=1).state_dict()).vit
    delta = differences(weights, backbone)
    assert holds_differences(delta)
    whole = add_backbone(delta, backbone)
    for name, value in weights.vit.items():
        torch.testing.assert_close(whole.vit[name], value)
    assert whole.head['attn_mask_probs'].tolist() == [0.25]
    assert MEAN not in whole.extras
    assert 'mask probabilities [0.25]' in log[0]


def test_add__buffers_that_are_whole_stay(make_model, log):
    weights = from_ours(make_model().state_dict())
    backbone = from_ours(make_model(seed=1).state_dict()).vit
    delta = differences(weights, backbone)
    delta.extras[MEAN][:] = 0.5
    delta.head['attn_mask_probs'][:] = 0.125
    assert not holds_differences(delta)
    whole = add_backbone(delta, backbone)
    assert whole.head['attn_mask_probs'].tolist() == [0.125]


def test_add__fits_the_backbone(make_model, log):
    """Patches of 14 and a class position, as Meta's files have them."""
    weights = from_ours(make_model().state_dict())
    small = from_ours(make_model(
        seed=1, patch_size=14, img_size=(42, 42)).state_dict()).vit
    position = torch.ones(1, 1, 16)
    backbone = {**small, 'pos_embed': torch.cat(
        [position, small['pos_embed']], 1)}
    whole = add_backbone(weights, backbone)
    assert whole.vit['pos_embed'].shape == (1, 16, 16)
    torch.testing.assert_close(
        whole.vit['cls_token'],
        weights.vit['cls_token'] + small['cls_token'] + 1)


def test_add__another_backbone(make_model, log):
    weights = from_ours(make_model().state_dict())
    backbone = dict(weights.vit)
    backbone['norm.bias'] = torch.ones(24)
    del backbone['reg_token']
    with pytest.raises(ValueError, match=(
            r'these differ: reg_token, norm.bias \(24,\) for \(16,\)')):
        add_backbone(weights, backbone)


def test_add__whole_already(make_model, log):
    weights = from_ours(make_model().state_dict())
    backbone = {k: 1.01 * v for k, v in weights.vit.items()}
    with pytest.raises(ValueError, match='is whole: .* leave --backbone out'):
        add_backbone(weights, backbone)


def test_add__probabilities_out_of_range(make_model, log):
    weights = from_ours(make_model().state_dict())
    backbone = from_ours(make_model(seed=1).state_dict()).vit
    weights.head['attn_mask_probs'][:] = -1
    with pytest.raises(ValueError, match=r'become \[-1.0\], expected'):
        add_backbone(weights, backbone)
