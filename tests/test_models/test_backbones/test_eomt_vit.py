import pytest
import torch
from timm.models.vision_transformer import VisionTransformer

from mmseg_anomaly.models.backbones import EoMTViT

ARCH = dict(
    embed_dim=12, depth=4, num_heads=3, reg_tokens=2, no_embed_class=True,
    init_values=0.5)


def build(**kwargs):
    torch.manual_seed(0)
    return EoMTViT(**{
        **dict(arch=ARCH, img_size=(32, 48), patch_size=8,
               num_joint_blocks=1), **kwargs})


def test_forward__returns_patch_map_and_prefix():
    patch_map, prefix_tokens = build()(torch.randn(2, 3, 32, 48))
    assert patch_map.shape == (2, 12, 4, 6)
    assert prefix_tokens.shape == (2, 3, 12)


@pytest.mark.parametrize('no_embed_class', [True, False])
def test_forward__is_timm_up_to_the_joint_blocks(no_embed_class):
    arch = dict(ARCH, no_embed_class=no_embed_class)
    vit = VisionTransformer(
        img_size=(32, 48), patch_size=8, num_classes=0, global_pool='', **arch)
    backbone = build(arch=arch)
    own = {k: v for k, v in vit.state_dict().items()
           if k in backbone.state_dict()}
    backbone.load_state_dict(own)
    inputs = torch.randn(2, 3, 32, 48)
    expected = vit.blocks[:3](vit._pos_embed(vit.patch_embed(inputs)))
    patch_map, prefix_tokens = backbone(inputs)
    tokens = torch.cat([prefix_tokens, patch_map.flatten(2).mT], dim=1)
    torch.testing.assert_close(tokens, expected)


def test_forward__other_size_interpolates_positions():
    backbone = build().eval()
    inputs = torch.randn(1, 3, 64, 24)
    with torch.no_grad():
        first = backbone(inputs)[0]
        assert first.shape == (1, 12, 8, 3)
        cached = backbone(inputs)[0]
        backbone.pos_embed.mul_(2)
        changed = backbone(inputs)[0]
    assert torch.equal(first, cached)
    assert not torch.allclose(first, changed)


@pytest.mark.parametrize('no_embed_class', [True, False])
def test_forward__other_size_keeps_the_positions_of_class_tokens(
        no_embed_class):
    """A class token may have a position, which no grid resamples."""
    arch = dict(ARCH, no_embed_class=no_embed_class)
    vit = VisionTransformer(
        img_size=(32, 48), patch_size=8, num_classes=0, global_pool='',
        dynamic_img_size=True, **arch)
    backbone = build(arch=arch)
    backbone.load_state_dict({k: v for k, v in vit.state_dict().items()
                              if k in backbone.state_dict()})
    inputs = torch.randn(1, 3, 64, 24)
    expected = vit.blocks[:3](vit._pos_embed(vit.patch_embed(inputs)))
    patch_map, prefix_tokens = backbone(inputs)
    tokens = torch.cat([prefix_tokens, patch_map.flatten(2).mT], dim=1)
    torch.testing.assert_close(tokens, expected)


def test_forward__size_no_multiple_of_patch():
    with pytest.raises(ValueError, match=r'got \(33, 48\); pad it to '
                       r'\(40, 48\)'):
        build()(torch.randn(1, 3, 33, 48))


def test_frozen__stays_in_eval_without_gradients():
    backbone = build(frozen=True).train()
    assert not backbone.training
    assert not backbone.blocks[0].training
    assert not any(p.requires_grad for p in backbone.parameters())


def test_with_cp__same_gradients():
    inputs = torch.randn(1, 3, 32, 48)
    grads = []
    for with_cp in (False, True):
        backbone = build(with_cp=with_cp).train()
        backbone(inputs)[0].square().sum().backward()
        grads.append(backbone.cls_token.grad)
    torch.testing.assert_close(*grads)


def test_layer_depth__embeddings_count_as_first_block():
    backbone = build()
    depth = {name: backbone.get_layer_depth(f'backbone.{name}', 'backbone.')
             for name, _ in backbone.named_parameters()}
    assert depth['pos_embed'] == (0, 4)
    assert depth['blocks.2.norm1.weight'] == (2, 4)


def test_arch__unknown_name():
    with pytest.raises(ValueError, match='timm has no model "vit_typo"'):
        build(arch='vit_typo')


def test_arch__no_plain_vit():
    with pytest.raises(ValueError, match='must name a plain timm ViT'):
        build(arch='eva02_tiny_patch14_224')


@pytest.mark.parametrize('number', [0, 4])
def test_num_joint_blocks__out_of_range(number):
    with pytest.raises(ValueError, match='must be between 1 and 3'):
        build(num_joint_blocks=number)


def test_img_size__no_multiple_of_patch():
    with pytest.raises(ValueError, match='must be a multiple'):
        build(img_size=(30, 48))
