"""Files of the libraries themselves give the features they give there."""
import pytest
import torch
from safetensors.torch import save_file
from timm.layers import SwiGLUPacked
from timm.models.eva import Eva
from timm.models.vision_transformer import VisionTransformer

from mmseg_anomaly.models.eomt.vit import build_vit, materialize
from mmseg_anomaly.models.eomt.vit_weights import load_vit_weights

ARCH = dict(embed_dim=24, depth=2, num_heads=2, mlp_ratio=4, init_values=0.5)
REG_ARCH = dict(ARCH, reg_tokens=2, no_embed_class=True)
ROTARY_ARCH = dict(
    embed_dim=24, depth=2, num_heads=2, num_reg_tokens=2, init_values=0.5,
    qkv_bias=True, rope_type='dinov3', rope_temperature=100,
    rope_rotate_half=True, use_rot_pos_emb=True, use_abs_pos_emb=False)
SIZE = (28, 28)
IMAGES = torch.randn(1, 3, *SIZE, generator=torch.Generator().manual_seed(1))


def randomised(model):
    torch.manual_seed(0)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model.eval()  # returns nothing in mmpretrain
    return model


def features(weights, arch, path, eps=1e-6):
    """Save, read, and run by timm at the resolution of the file."""
    if path.suffix == '.safetensors':
        save_file(weights, path)
    else:
        torch.save(weights, path)
    vit = materialize(build_vit(arch, SIZE, 7)).eval()
    vit.load_state_dict(load_vit_weights(str(path), arch, vit))
    for module in vit.modules():
        if isinstance(module, torch.nn.LayerNorm):
            module.eps = eps
    with torch.no_grad():
        return vit.forward_features(IMAGES)


def hugging_face(name, **kwargs):
    transformers = pytest.importorskip('transformers')
    config = getattr(transformers, f'{name}Config')(
        hidden_size=24, num_hidden_layers=2, num_attention_heads=2,
        patch_size=7, image_size=28, layerscale_value=0.5, **kwargs)
    return randomised(getattr(transformers, f'{name}Model')(config))


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
@pytest.mark.parametrize(('name', 'arch', 'kwargs'), [
    ('Dinov2', ARCH, dict(mlp_ratio=4)),
    ('Dinov2WithRegisters', REG_ARCH, dict(
        mlp_ratio=4, num_register_tokens=2)),
])
def test_hugging_face__dinov2(name, arch, kwargs, suffix, tmp_path):
    model = hugging_face(name, **kwargs)
    with torch.no_grad():
        expected = model(IMAGES).last_hidden_state
    found = features(model.state_dict(), arch, tmp_path / f'vit{suffix}')
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_hugging_face__gated_layers_of_dinov2_giant(tmp_path):
    model = hugging_face('Dinov2', mlp_ratio=4, use_swiglu_ffn=True)
    arch = dict(ARCH, mlp_ratio=16 / 3, mlp_layer=SwiGLUPacked,
                act_layer=torch.nn.SiLU)
    with torch.no_grad():
        expected = model(IMAGES).last_hidden_state
    found = features(model.state_dict(), arch, tmp_path / 'vit.pth')
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_hugging_face__dinov3(tmp_path):
    model = hugging_face('DINOv3ViT', intermediate_size=96,
                         num_register_tokens=2)
    with torch.no_grad():
        expected = model(IMAGES).last_hidden_state
    found = features(model.state_dict(), ROTARY_ARCH, tmp_path / 'vit.pth',
                     eps=1e-5)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_hugging_face__gated_layers_of_dinov3(tmp_path):
    model = hugging_face('DINOv3ViT', intermediate_size=96,
                         num_register_tokens=2, use_gated_mlp=True,
                         hidden_act='silu')
    arch = dict(ROTARY_ARCH, swiglu_mlp=True, swiglu_align_to=8,
                mlp_ratio=4)
    with torch.no_grad():
        expected = model(IMAGES).last_hidden_state
    found = features(model.state_dict(), arch, tmp_path / 'vit.pth', 1e-5)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_mmpretrain__dinov2(tmp_path):
    backbones = pytest.importorskip('mmpretrain.models.backbones')
    model = randomised(backbones.VisionTransformer(
        arch=dict(embed_dims=24, num_layers=2, num_heads=2,
                  feedforward_channels=96),
        img_size=28, patch_size=7, layer_scale_init_value=0.5,
        out_type='raw'))
    with torch.no_grad():
        expected = model(IMAGES)[0]
    weights = {f'backbone.{k}': v for k, v in model.state_dict().items()}
    found = features(weights, ARCH, tmp_path / 'vit.pth')
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(('kind', 'arch'), [
    (VisionTransformer, ARCH), (VisionTransformer, REG_ARCH),
    (Eva, ROTARY_ARCH)])
@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_timm__half_precision(kind, arch, suffix, tmp_path):
    model = randomised(kind(img_size=SIZE, patch_size=7, num_classes=0,
                            global_pool='', **arch))
    weights = {k: v.half() for k, v in model.state_dict().items()}
    model.load_state_dict(weights)
    with torch.no_grad():
        expected = model.forward_features(IMAGES)
    found = features(weights, arch, tmp_path / f'vit{suffix}')
    torch.testing.assert_close(found, expected)


def test_load__keeps_what_the_file_holds_if_asked(tmp_path):
    vit = materialize(build_vit(ARCH, SIZE, 7))
    weights = {k: v.half() for k, v in vit.state_dict().items()}
    torch.save(weights, tmp_path / 'vit.pth')
    larger = build_vit(ARCH, (56, 56), 7)
    loaded = load_vit_weights(
        str(tmp_path / 'vit.pth'), ARCH, larger, dtype=None)
    kinds = {k: v.dtype for k, v in loaded.items()}
    assert kinds.pop('pos_embed') == torch.float32
    assert set(kinds.values()) == {torch.float16}
