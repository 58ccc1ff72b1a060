import pytest
import timm
import torch
from safetensors.torch import load_file

from mmseg_anomaly.model_conversion import (
    check_complete,
    from_original,
    from_ours,
    to_original,
    to_ours,
)
from mmseg_anomaly.model_conversion.eomt_weights import (
    DEPTHS,
    HEAD_NAMES,
    UPSCALE_NAMES,
    VIT_NAMES,
    EoMTWeights,
)


@pytest.mark.parametrize('arch', [
    'registers', 'class_position', 'all_positions', 'rotary'])
def test_round_trip__ours(arch, make_model, assert_same):
    state = make_model(arch).state_dict()
    original = to_original(from_ours(state))
    assert all(key.startswith('network.') for key in original)
    assert_same(to_ours(from_original(original)), state)


@pytest.mark.parametrize('shape', ['square', 'rect'])
def test_round_trip__original(shape, reference_dir, assert_same):
    original = load_file(
        reference_dir / f'A_eomt_official_{shape}_state.safetensors')
    weights = from_original(original)
    ours = from_ours(to_ours(weights), weights.extras)
    assert_same(to_original(ours), original)


def test_names__of_the_original_dinov3(make_model):
    """As transformers' script for its checkpoints lists them."""
    original = to_original(from_ours(make_model('rotary').state_dict()))
    vit = 'network.encoder.backbone.'
    assert {k.removeprefix(vit) for k in original if k.startswith(vit)
            and '.blocks.' not in k} == {
        'patch_embed.cls_token', 'patch_embed.register_tokens',
        'patch_embed.patch_embeddings.weight',
        'patch_embed.patch_embeddings.bias', 'norm.weight', 'norm.bias'}
    block = f'{vit}blocks.2.'
    assert {k.removeprefix(block) for k in original if k.startswith(block)
            } == {
        'norm1.weight', 'norm1.bias', 'norm2.weight', 'norm2.bias',
        'attention.q_proj.weight', 'attention.q_proj.bias',
        'attention.k_proj.weight', 'attention.v_proj.weight',
        'attention.v_proj.bias', 'attention.o_proj.weight',
        'attention.o_proj.bias', 'layer_scale1.lambda1',
        'layer_scale2.lambda1', 'mlp.up_proj.weight', 'mlp.up_proj.bias',
        'mlp.down_proj.weight', 'mlp.down_proj.bias'}


@pytest.mark.parametrize('prefix', [
    '_orig_mod.network.', 'network._orig_mod.', 'module.network.'])
def test_from_original__compiled_or_parallel(prefix, make_model,
                                             assert_same):
    state = make_model().state_dict()
    original = {key.replace('network.', prefix, 1).replace(
        'backbone.', 'backbone._orig_mod.'): value
        for key, value in to_original(from_ours(state)).items()}
    assert_same(to_ours(from_original(original)), state)


def test_to_original__constants_of_imagenet(make_model):
    state = {k: v.half() for k, v in make_model().state_dict().items()}
    mean = to_original(from_ours(state))['network.encoder.pixel_mean']
    assert mean.shape == (1, 3, 1, 1)
    assert torch.equal(
        mean.flatten(), torch.tensor([0.485, 0.456, 0.406]).half())


def test_from_original__another_file():
    with pytest.raises(ValueError, match='no checkpoint of the original EoMT'):
        from_original({'model.weight': torch.ones(1)})


def test_from_ours__another_file(make_model):
    with pytest.raises(ValueError, match='is no EoMT of this project: it '
                       'has no `decode_head.attn_mask_probs`$'):
        from_ours({'model.weight': torch.ones(1)})
    state = {k.replace('decode_head.', 'decode_head.semantic_head.'): v
             for k, v in make_model().state_dict().items()}
    with pytest.raises(ValueError, match='it has a pixel head'):
        from_ours(state)


def test_check_complete__names_what_differs(make_model):
    state = make_model().state_dict()
    del state['backbone.blocks.1.norm1.bias']
    del state['decode_head.mask_head.4.bias']
    state['decode_head.extra'] = state['auxiliary'] = torch.ones(1)
    with pytest.raises(ValueError, match=(
            'ours.pth is no complete EoMT: missing: blocks.1.norm1.bias, '
            'mask_head.4.bias; unexpected: auxiliary, extra ')):
        check_complete(from_ours(state), 'ours.pth')
    ignored = ['blocks.1.norm1.bias', 'mask_head', 'aux', 'extra']
    checked = check_complete(from_ours(state), 'ours.pth', ignored)
    assert 'extra' not in checked.head
    assert 'auxiliary' not in checked.vit


def test_check_complete__a_block_is_gone(make_model):
    state = {k: v for k, v in make_model().state_dict().items()
             if not k.startswith('backbone.blocks.0.')}
    with pytest.raises(ValueError, match=r'missing: blocks.0.attn.proj.bias'):
        check_complete(from_ours(state), 'ours.pth')


def test_check_complete__too_many_joint_blocks(make_model):
    original = to_original(from_ours(make_model().state_dict()))
    original['network.attn_mask_probs'] = torch.ones(9)
    with pytest.raises(ValueError, match='3 blocks, of which 9 are to see'):
        check_complete(from_original(original), 'original.bin')


def test_from_ours__the_last_block_is_gone(make_model):
    state = {k: v for k, v in make_model().state_dict().items()
             if not k.startswith('decode_head.blocks.0.')}
    with pytest.raises(ValueError, match=(
            '0 blocks that see the queries .*mask probabilities of 1; '
            'missing: decode_head.blocks.0. ')):
        from_ours(state)


def of_width(width, depth):
    """Only the names and shapes that tell how deep an EoMT is."""
    blocks = {f'blocks.{index}.norm1.weight': torch.ones(0)
              for index in range(depth)}
    vit = {**dict.fromkeys(VIT_NAMES, torch.ones(1, 1, 16, 16)), **blocks,
           'norm.weight': torch.ones(width)}
    head = dict.fromkeys(HEAD_NAMES, torch.ones(4))
    upscale = [f'upscale.{i}.{n}' for i in (0, 1) for n in UPSCALE_NAMES]
    return EoMTWeights(vit, {**head, **dict.fromkeys(upscale)}, {})


@pytest.mark.parametrize(('width', 'depth', 'gone'), [
    (384, 11, 'blocks.11.'), (1024, 22, 'blocks.22., blocks.23.')])
def test_check_complete__the_last_blocks_are_gone(width, depth, gone):
    with pytest.raises(ValueError, match=(
            rf'x.bin has {depth} blocks, but a DINOv2 or DINOv3 of width '
            rf'{width} has {DEPTHS[width]}; missing: {gone} \(get the')):
        check_complete(of_width(width, depth), 'x.bin')
    ignored = [r'blocks\.11\.', r'blocks\.2[23]\.']
    assert check_complete(of_width(width, depth), 'x', ignored).depth == depth


@pytest.mark.parametrize(('width', 'depth'), [
    (384, 12), (384, 18), (1024, 24), (16, 5), (400, 11),
    (192, 6)])  # the quick start
def test_check_complete__depths_that_may_be_whole(width, depth):
    assert check_complete(of_width(width, depth), 'x').depth == depth


def test_check_complete__depth_that_is_written(make_model):
    with pytest.raises(ValueError, match=(
            'x has 5 blocks, but its config.json says 7; missing: blocks.5., '
            'blocks.6. ')):
        check_complete(of_width(16, 5), 'x', stated_depth=7)
    with pytest.raises(ValueError, match='config.json says 10: one of the'):
        check_complete(of_width(384, 11), 'x', stated_depth=10)
    assert check_complete(of_width(384, 11), 'x', stated_depth=11)


@pytest.mark.parametrize('arch', [
    'vit_small_patch14_reg4_dinov2', 'vit_base_patch16_dinov3',
    'vit_large_patch14_dinov2',
    'vit_huge_plus_patch16_dinov3', 'vit_giant_patch14_dinov2',
    'vit_7b_patch16_dinov3'])
def test_depths__are_those_of_timm(arch):
    with torch.device('meta'):
        vit = timm.create_model(arch)
    assert DEPTHS[vit.embed_dim] == len(vit.blocks)


def test_check_complete__upscaling_is_that_of_the_patch_size(make_model):
    """Surgery would draw a block anew that the file merely lacks."""
    state = {k: v for k, v in make_model().state_dict().items()
             if not k.startswith('decode_head.upscale.1.')}
    with pytest.raises(ValueError, match=r'missing: upscale.1.0.bias, '):
        check_complete(from_ours(state), 'ours.pth')


def test_check_complete__no_patch_embedding(make_model):
    state = make_model().state_dict()
    del state['backbone.patch_embed.proj.weight']
    with pytest.raises(ValueError, match='missing: patch_embed.proj.weight'):
        check_complete(from_ours(state), 'ours.pth')


def test_check_complete__biases_of_keys(make_model):
    """Blocks of rotary positions have none; the file's is not dropped."""
    original = to_original(from_ours(make_model('rotary').state_dict()))
    name = 'network.encoder.backbone.blocks.0.attention.k_proj.bias'
    original[name] = torch.ones(16)
    with pytest.raises(ValueError,
                       match='unexpected: blocks.0.attn.key.bias'):
        check_complete(from_original(original), 'original.bin')
