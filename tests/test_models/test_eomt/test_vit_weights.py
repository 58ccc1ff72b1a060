import pytest
import torch
from mmengine.logging import HistoryBuffer
from safetensors.torch import save_file

from mmseg_anomaly.models.backbones import EoMTViT
from mmseg_anomaly.models.decode_heads import EoMTDecodeHead
from mmseg_anomaly.models.eomt.vit import build_vit, materialize
from mmseg_anomaly.models.eomt.vit_weights import load_vit_weights

ARCH = dict(
    embed_dim=12, depth=3, num_heads=3, class_token=True, init_values=0.5)
REG_ARCH = dict(ARCH, reg_tokens=2, no_embed_class=True)


def timm_weights(arch=ARCH, side=4, patch_size=14):
    torch.manual_seed(1)
    vit = materialize(build_vit(arch, (side * patch_size, ) * 2, patch_size))
    return {k: torch.randn_like(v) for k, v in vit.state_dict().items()}


def target(arch=ARCH):
    return build_vit(arch, (32, 48), 16)


def save(weights, tmp_path, name='vit.pth'):
    path = str(tmp_path / name)
    if name.endswith('.safetensors'):
        save_file(weights, path)
    else:
        torch.save(weights, path)
    return path


def load(weights, tmp_path, arch=ARCH, name='vit.pth'):
    return load_vit_weights(
        save(weights, tmp_path, name), arch, target(arch))


def to_huggingface(weights):
    """The same weights under the names of Hugging Face's Dinov2Model."""
    out = {'embeddings.mask_token': torch.zeros(1, 12)}
    for key, value in weights.items():
        key = (key.replace('patch_embed.proj',
                           'embeddings.patch_embeddings.projection').replace(
                               'pos_embed', 'embeddings.position_embeddings').
               replace('cls_token', 'embeddings.cls_token').replace(
                   'blocks.', 'encoder.layer.').replace(
                       'attn.proj', 'attention.output.dense').replace(
                           'ls1.gamma', 'layer_scale1.lambda1').replace(
                               'ls2.gamma', 'layer_scale2.lambda1'))
        if key.startswith('norm.'):
            key = key.replace('norm.', 'layernorm.')
        if '.attn.qkv.' in key:
            for part, chunk in zip(('query', 'key', 'value'), value.chunk(3),
                                   strict=True):
                name = key.replace('attn.qkv', f'attention.attention.{part}')
                out[name] = chunk.clone()
        else:
            out[key] = value
    return out


def to_mmpretrain(weights):
    """The same weights under the names of mmpretrain's VisionTransformer."""
    out = {}
    for key, value in weights.items():
        if key.startswith('norm.'):
            key = key.replace('norm.', 'ln1.')
        key = key.replace('patch_embed.proj', 'patch_embed.projection')
        key = key.replace('blocks.', 'layers.')
        key = key.replace('.norm1.', '.ln1.').replace('.norm2.', '.ln2.')
        key = key.replace('.ls1.gamma', '.attn.gamma1.weight')
        key = key.replace('.ls2.gamma', '.ffn.gamma2.weight')
        key = key.replace('.mlp.fc1.', '.ffn.layers.0.0.')
        key = key.replace('.mlp.fc2.', '.ffn.layers.1.')
        out[f'backbone.{key}'] = value
    return out


@pytest.mark.parametrize('convert', [to_huggingface, to_mmpretrain])
def test_load__layouts_agree_with_timm(convert, tmp_path):
    weights = timm_weights()
    expected = load(weights, tmp_path)
    loaded = load(convert(weights), tmp_path)
    assert loaded.keys() == expected.keys()
    assert all(torch.equal(loaded[k], expected[k]) for k in expected)


def test_load__same_size_is_untouched(tmp_path):
    weights = timm_weights(side=3, patch_size=16)
    vit = build_vit(ARCH, (48, 48), 16)
    loaded = load_vit_weights(save(weights, tmp_path), ARCH, vit)
    assert all(torch.equal(loaded[k], weights[k]) for k in weights)


def test_load__safetensors_half_precision(tmp_path):
    weights = {k: v.half() for k, v in timm_weights().items()}
    loaded = load(weights, tmp_path, name='vit.safetensors')
    assert loaded['patch_embed.proj.weight'].shape == (12, 3, 16, 16)
    assert loaded['pos_embed'].shape == (1, 1 + 2 * 3, 12)
    assert all(v.dtype == torch.float32 for v in loaded.values())


def test_load__meta_registers_fold_the_class_position(tmp_path):
    weights = timm_weights(REG_ARCH, side=4)
    meta = dict(weights, mask_token=torch.zeros(1, 12))
    meta['register_tokens'] = meta.pop('reg_token')
    class_position = torch.randn(1, 1, 12)
    meta['pos_embed'] = torch.cat([class_position, meta['pos_embed']], dim=1)
    meta['cls_token'] = weights['cls_token'] - class_position
    expected = load(weights, tmp_path, REG_ARCH)
    loaded = load(meta, tmp_path, REG_ARCH)
    for key in expected:
        torch.testing.assert_close(loaded[key], expected[key])


def test_load__names_every_fault(tmp_path):
    weights = timm_weights()
    del weights['norm.bias']
    weights['head.weight'] = torch.zeros(2, 2)
    weights['blocks.1.ls1.gamma'] = torch.zeros(7)
    with pytest.raises(
            ValueError,
            match=r'missing keys: norm.bias; unexpected keys: head.weight; '
            r'other shapes: blocks.1.ls1.gamma \(7,\) instead of \(12,\)'):
        load(weights, tmp_path)


def test_load__no_registers_for_an_arch_with_them(tmp_path):
    with pytest.raises(ValueError, match='missing keys: reg_token'):
        load(timm_weights(), tmp_path, REG_ARCH)


def test_load__no_square_grid(tmp_path):
    weights = timm_weights()
    weights['pos_embed'] = torch.zeros(1, 1 + 15, 12)
    with pytest.raises(ValueError, match='15 patch positions'):
        load(weights, tmp_path)


def test_load__rectangular_grid_of_the_same_size_is_untouched(tmp_path):
    vit = materialize(build_vit(ARCH, (32, 128), 16))  # 2 x 8 = 4 x 4
    weights = vit.state_dict()
    loaded = load_vit_weights(save(weights, tmp_path), ARCH, vit)
    assert torch.equal(loaded['pos_embed'], weights['pos_embed'])


def test_load__missing_file():
    with pytest.raises(FileNotFoundError, match='nowhere.pth does not exist'):
        load_vit_weights('nowhere.pth', ARCH, target())


@pytest.mark.parametrize(('content', 'message'), [
    ('hello', 'begins with the text .hello.'), ('', 'is empty; get or')])
def test_load__no_checkpoint(content, message, tmp_path):
    path = tmp_path / 'vit.pth'
    path.write_text(content)
    with pytest.raises(ValueError, match=(
            '^`pretrained` is no checkpoint of tensors: `.*vit.pth` could '
            f'not be read as a checkpoint: it {message}')):
        load_vit_weights(str(path), ARCH, target())


def test_load__no_tensors(tmp_path):
    with pytest.raises(ValueError, match='no tensors: epoch'):
        load(dict(epoch=3), tmp_path)


def test_load__bare_tensor(tmp_path):
    with pytest.raises(ValueError, match='vit.pth holds a Tensor instead of'):
        load(torch.zeros(2), tmp_path)
    with pytest.raises(ValueError, match='vit.pth holds a list instead of'):
        load(dict(state_dict=[1]), tmp_path)
    with pytest.raises(ValueError, match='no tensors: 0'):
        load({0: torch.zeros(2)}, tmp_path)


def test_load__training_checkpoint_of_mmengine(tmp_path):
    weights = timm_weights(side=3, patch_size=16)
    history = HistoryBuffer([0.5, 0.25], [1, 1])
    checkpoint = dict(
        meta=dict(epoch=0, iter=2), message_hub=dict(log_scalars=history),
        state_dict={f'backbone.{k}': v for k, v in weights.items()})
    vit = build_vit(ARCH, (48, 48), 16)
    loaded = load_vit_weights(save(checkpoint, tmp_path), ARCH, vit)
    assert all(torch.equal(loaded[k], weights[k]) for k in weights)


def test_download__needs_a_name():
    with pytest.raises(ValueError, match='with a dict give a file'):
        load_vit_weights(True, ARCH, target())


def test_init_weights__both_halves_make_up_the_file(tmp_path):
    weights = timm_weights(side=3, patch_size=16)
    vit = dict(arch=ARCH, img_size=(48, 48), num_joint_blocks=1,
               pretrained=save(weights, tmp_path))
    backbone = EoMTViT(**vit)
    head = EoMTDecodeHead(**vit, num_classes=2, num_queries=3)
    backbone.init_weights()
    head.init_weights()
    assert torch.equal(backbone.blocks[1].mlp.fc1.weight,
                       weights['blocks.1.mlp.fc1.weight'])
    assert torch.equal(backbone.pos_embed, weights['pos_embed'])
    assert torch.equal(head.blocks[0].mlp.fc1.weight,
                       weights['blocks.2.mlp.fc1.weight'])
    assert torch.equal(head.norm.weight, weights['norm.weight'])


def test_real_file__loads(shared_data_dir):
    arch = 'vit_small_patch14_dinov2'
    weights = load_vit_weights(
        str(shared_data_dir / 'dinov2_vits14.pth'), arch,
        build_vit(arch, (352, 480), 16))
    assert weights['pos_embed'].shape == (1, 1 + 22 * 30, 384)
