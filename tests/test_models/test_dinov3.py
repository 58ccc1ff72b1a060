"""A ViT of rotary positions, cut in two, is the whole one."""
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from timm.models.eva import Eva

from mmseg_anomaly.models.backbones import EoMTViT
from mmseg_anomaly.models.decode_heads import EoMTDecodeHead
from mmseg_anomaly.models.eomt.vit_weights import load_vit_weights

ARCH = dict(
    embed_dim=32, depth=4, num_heads=2, num_reg_tokens=2, init_values=0.5,
    qkv_bias=True, rope_type='dinov3', rope_temperature=100,
    rope_rotate_half=True, use_rot_pos_emb=True, use_abs_pos_emb=False)
VIT = dict(arch=ARCH, img_size=(32, 48), patch_size=8, num_joint_blocks=2)
IMAGES = torch.randn(2, 3, 32, 48, generator=torch.Generator().manual_seed(1))


def whole_vit(img_size=(32, 48)):
    """All values random, timm draws many of them as 0."""
    torch.manual_seed(0)
    vit = Eva(img_size=img_size, patch_size=8, num_classes=0, global_pool='',
              dynamic_img_size=True, **ARCH)
    for parameter in vit.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return vit.eval()


def halves(tmp_path, vit=None, num_queries=3, **kwargs):
    path = str(tmp_path / 'vit.pth')
    torch.save((vit or whole_vit()).state_dict(), path)
    backbone = EoMTViT(**VIT, pretrained=path, **kwargs)
    head = EoMTDecodeHead(
        **VIT, pretrained=path, num_classes=2, num_queries=num_queries,
        **kwargs)
    backbone.init_weights()
    head.init_weights()
    return backbone.eval(), head.eval()


def last_tokens(head, inputs):
    """Tokens after the joint blocks and the final norm."""
    return head.norm(head._run_blocks(inputs)[1])


@pytest.mark.usefixtures('queries_may_be_absent')
@pytest.mark.parametrize('size', [(32, 48), (64, 24)])
def test_forward__without_queries_is_timm(size, tmp_path):
    vit = whole_vit()
    backbone, head = halves(tmp_path, vit, num_queries=0)
    head.set_attn_mask_probs((0, 0))
    images = torch.randn(2, 3, *size)
    with torch.no_grad():
        tokens = last_tokens(head, backbone(images))
        torch.testing.assert_close(tokens, vit.forward_features(images))


def test_contract__is_that_of_a_plain_vit(tmp_path):
    backbone, head = halves(tmp_path)
    patch_map, prefix_tokens = backbone(IMAGES)
    assert patch_map.shape == (2, 32, 4, 6)
    assert prefix_tokens.shape == (2, 3, 32)
    assert len(head((patch_map, prefix_tokens))) == 3
    assert backbone.get_layer_depth('blocks.1.gamma_1') == (1, 4)
    assert head.get_layer_depth('blocks.1.attn.q_bias') == (3, 4)
    assert head.is_backbone_param('blocks.1.attn.q_bias')


def test_joint_blocks__rotate_patches_only(tmp_path):
    """With Hugging Face's layer, which rotates as many as come last."""
    dinov3 = pytest.importorskip('transformers.models.dinov3_vit')
    config = dinov3.DINOv3ViTConfig(
        hidden_size=32, intermediate_size=128, num_hidden_layers=1,
        num_attention_heads=2, patch_size=8, image_size=32,
        attn_implementation='sdpa')
    model = dinov3.DINOv3ViTModel(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    _, head = halves(tmp_path)
    layer, block = model.layer[0], head.blocks[0]
    attention = layer.attention
    block.norm1.load_state_dict(layer.norm1.state_dict())
    block.norm1.eps = layer.norm1.eps
    with torch.no_grad():
        block.attn.qkv.weight.copy_(torch.cat([
            attention.q_proj.weight, attention.k_proj.weight,
            attention.v_proj.weight]))
        block.attn.q_bias.copy_(attention.q_proj.bias)
        block.attn.v_bias.copy_(attention.v_proj.bias)
        block.attn.proj.load_state_dict(attention.o_proj.state_dict())
        # in float64, where both are free of the processor's rounding
        tokens = torch.randn(2, 3 + 3 + 4 * 6, 32, dtype=torch.float64)
        positions = [angles.double()
                     for angles in model.rope_embeddings(IMAGES)]
        expected = attention.double()(
            tokens, position_embeddings=positions)[0]
        found = block.attn.double()(tokens, head.rotary((4, 6)).double())
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


def test_masks__change_what_queries_see(tmp_path):
    backbone, head = halves(tmp_path)
    with torch.no_grad():
        inputs = backbone(IMAGES)
        masked = head(inputs)[-1].mask_logits
        head.set_attn_mask_probs((0, 0))
        free = head(inputs)
    assert len(free) == 1
    assert not torch.allclose(masked, free[-1].mask_logits)


def test_with_cp__same_gradients(tmp_path):
    grads = []
    for with_cp in (False, True):
        backbone, head = halves(tmp_path, with_cp=with_cp)
        head(backbone(IMAGES))[-1].mask_logits.square().mean().backward()
        grads.append(backbone.cls_token.grad)
    torch.testing.assert_close(*grads)


def test_drop_path__grows_over_both_halves(tmp_path):
    backbone, head = halves(tmp_path, drop_path_rate=0.3)
    blocks = [*backbone.blocks, *head.blocks][1:]
    rates = [block.drop_path1.drop_prob for block in blocks]
    assert rates == pytest.approx([0.1, 0.2, 0.3])


def test_positions__cached_in_testing_serve_training(tmp_path):
    backbone, head = halves(tmp_path)
    with torch.inference_mode():
        head(backbone(IMAGES))
    head.train()(backbone.train()(IMAGES))[-1].mask_logits.sum().backward()
    assert torch.isfinite(backbone.patch_embed.proj.weight.grad).all()


def test_build__without_values_until_they_are_read():
    backbone = EoMTViT(**VIT, pretrained='later.pth')
    assert not any(p.any() for p in backbone.parameters())
    rope = EoMTViT(**VIT).rotary.rope
    assert torch.equal(backbone.rotary.rope.periods, rope.periods)


def test_arch__random_coordinates():
    arch = dict(ARCH, rope_rescale_coords=2.0)
    with pytest.raises(ValueError, match='must not shift, jitter or rescale'):
        EoMTViT(**{**VIT, 'arch': arch})


def test_arch__rotary_positions_of_another_kind():
    with pytest.raises(ValueError, match='which is another Eva'):
        EoMTViT(**{**VIT, 'arch': dict(ARCH, rope_type='cat')})


def to_meta(weights):
    """The same weights under the names of Meta's DINOv3."""
    out = dict(mask_token=torch.zeros(1, 32),
               storage_tokens=weights['reg_token'])
    for key, value in weights.items():
        key = key.replace('gamma_1', 'ls1.gamma').replace(
            'gamma_2', 'ls2.gamma')
        if key.endswith('v_bias'):
            query = weights[key.replace('v_bias', 'q_bias')]
            out[key.replace('v_bias', 'qkv.bias')] = torch.cat(
                [query, torch.ones_like(query), value])
            out[key.replace('v_bias', 'qkv.bias_mask')] = torch.ones(96)
        elif not key.endswith('q_bias') and key != 'reg_token':
            out[key] = value
    return {**out, 'rope_embed.periods': torch.ones(4)}


def read(weights, tmp_path, arch=ARCH):
    path = str(tmp_path / 'file.pth')
    torch.save(weights, path)
    vit = EoMTViT(**{**VIT, 'arch': arch})
    assert vit.rotary is not None
    whole = Eva(img_size=(32, 48), patch_size=8, num_classes=0,
                global_pool='', **arch)
    return load_vit_weights(path, arch, whole)


def test_load__names_of_meta(tmp_path):
    weights = whole_vit().state_dict()
    loaded = read(to_meta(weights), tmp_path)
    assert loaded.keys() == weights.keys()
    assert all(torch.equal(loaded[k], weights[k]) for k in weights)


def without_biases(weights):
    return {k: v for k, v in weights.items()
            if not k.endswith(('q_bias', 'v_bias'))}


def test_load__zero_biases_come_and_go(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr('mmseg_anomaly.models.eomt.vit_layouts.print_log',
                        lambda text, **_: said.append(text))
    weights = {k: torch.zeros_like(v) if k.endswith(('q_bias', 'v_bias'))
               else v for k, v in whole_vit().state_dict().items()}
    loaded = read(without_biases(weights), tmp_path)
    assert all(torch.equal(loaded[k], weights[k]) for k in weights)
    assert 'added 8 biases of queries and values' in said[0]
    loaded = read(weights, tmp_path, dict(ARCH, qkv_bias=False))
    assert loaded.keys() == without_biases(weights).keys()
    assert 'left out 8 biases' in said[1]


def test_load__biases_that_matter_are_missed(tmp_path):
    weights = whole_vit().state_dict()
    with pytest.raises(ValueError, match=r'unexpected keys: .*attn.q_bias'):
        read(weights, tmp_path, dict(ARCH, qkv_bias=False))
    del weights['blocks.1.attn.v_bias']
    with pytest.raises(ValueError, match=r'missing keys: blocks.1.*v_bias'):
        read(weights, tmp_path)


def test_loss__reaches_every_parameter(tmp_path):
    backbone, head = halves(tmp_path)
    sample = SegDataSample()
    sample.gt_sem_seg = PixelData(
        data=torch.zeros(1, 32, 48, dtype=torch.long))
    losses = head.train().loss(backbone.train()(IMAGES), [sample] * 2, None)
    sum(losses.values()).backward()
    assert not [name for half in (backbone, head)
                for name, p in half.named_parameters() if p.grad is None]
