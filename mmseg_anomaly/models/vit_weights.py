"""Read pretrained ViT weights, whatever layout their file has.

Layouts met in the wild: timm and Meta (``blocks.0.attn.qkv``; with registers
Meta names them ``register_tokens`` and adds a position to the class token),
Hugging Face ``Dinov2*`` (``encoder.layer.0.attention``, separate query, key
and value) and mmpretrain (``layers.0.ln1``). All become timm's names and the
wanted patch size and position grid.
"""
import math
import pickle
import re
from collections.abc import Mapping
from pathlib import Path

import timm
import torch
from mmengine.logging import print_log
from timm.layers import resample_abs_pos_embed, resample_patch_embed
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor

from ..safe_loading import load_from_local
from .vit import Arch

StateDict = dict[str, Tensor]

UNUSED_KEYS = ('mask_token', )

_PREFIXES = ('backbone.', 'dinov2_with_registers.', 'dinov2.', 'module.')

_RENAMES = (
    # Meta
    (r'^register_tokens$', 'reg_token'),
    (r'\.mlp\.w12\.', '.mlp.fc1.'),
    (r'\.mlp\.w3\.', '.mlp.fc2.'),
    # Hugging Face
    (r'^embeddings\.register_tokens$', 'reg_token'),
    (r'^embeddings\.(cls_token|mask_token)$', r'\1'),
    (r'^embeddings\.position_embeddings$', 'pos_embed'),
    (r'^embeddings\.patch_embeddings\.projection\.', 'patch_embed.proj.'),
    (r'^encoder\.layer\.', 'blocks.'),
    (r'\.attention\.attention\.(query|key|value)\.', r'.attn.\1.'),
    (r'\.attention\.output\.dense\.', '.attn.proj.'),
    (r'\.layer_scale([12])\.lambda1$', r'.ls\1.gamma'),
    (r'\.mlp\.weights_in\.', '.mlp.fc1.'),
    (r'\.mlp\.weights_out\.', '.mlp.fc2.'),
    (r'^layernorm\.', 'norm.'),
    # mmpretrain
    (r'^patch_embed\.projection\.', 'patch_embed.proj.'),
    (r'^ln1\.', 'norm.'),
    (r'^layers\.', 'blocks.'),
    (r'\.ln([12])\.', r'.norm\1.'),
    (r'\.(?:attn|ffn)\.gamma([12])\.weight$', r'.ls\1.gamma'),
    (r'\.ffn\.layers\.0\.0\.', '.mlp.fc1.'),
    (r'\.ffn\.layers\.1\.', '.mlp.fc2.'),
    (r'\.ffn\.w12\.', '.mlp.fc1.'),
    (r'\.ffn\.w3\.', '.mlp.fc2.'),
)


def load_vit_weights(pretrained: str | bool, arch: Arch,
                     vit: VisionTransformer) -> StateDict:
    """Read a pretrained ViT and fit it to another patch size and grid.

    Args:
        pretrained: A ``.pth``, ``.bin`` or ``.safetensors`` file, or True to
            let timm download the weights of ``arch``.
        arch: As given to :func:`~mmseg_anomaly.models.vit.build_vit`.
        vit: What the weights are for; only names and shapes are read.

    Returns:
        Every parameter of ``vit`` by its name, fp32. As many positions as
        ``vit`` has are taken as they are, others as a square grid, which all
        published DINOv2 files have.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If the file is none, holds something else than weights,
            or a key is missing, left over or of another shape.
    """
    if pretrained is True:
        weights, source = _download(arch), f'timm ({arch})'
    else:
        weights, source = read_weights(pretrained), str(pretrained)
    weights = to_timm_layout(weights, vit)
    found = _describe(weights)
    weights = _resample(weights, vit, source)
    _check_keys(weights, vit, source)
    print_log(
        f'Read {len(weights)} tensors of a ViT from {source}: {found} -> '
        f'{_describe(vit.state_dict())}',
        logger='current')
    return weights


def read_weights(path: str) -> StateDict:
    """Read the tensors of a file without running code it may carry.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no checkpoint of tensors.
    """
    if not Path(path).expanduser().is_file():
        raise FileNotFoundError(f'`pretrained` file {path} does not exist; '
                                'give the path of a DINOv2 checkpoint, True '
                                'to download it, or None to start from '
                                'random weights')
    try:
        weights = load_from_local(path, map_location='cpu')
    except (pickle.UnpicklingError, ValueError) as error:
        raise ValueError(f'`pretrained` file {path} cannot be read as a '
                         f'checkpoint of tensors: {error}') from error
    for key in ('state_dict', 'model'):
        if isinstance(weights, Mapping):
            weights = weights.get(key, weights)
    if not isinstance(weights, Mapping):
        raise ValueError(f'`pretrained` file {path} holds a '
                         f'{type(weights).__name__} instead of tensors by '
                         'name; give the state dict of a ViT')
    wrong = [k for k, v in weights.items()
             if not isinstance(k, str) or not isinstance(v, Tensor)]
    if wrong:
        raise ValueError(f'`pretrained` file {path} holds entries that are '
                         f'no tensors: {", ".join(map(str, wrong[:5]))}')
    return weights


def to_timm_layout(weights: StateDict, vit: VisionTransformer) -> StateDict:
    """Rename the entries of any known layout to timm's names.

    Args:
        weights: As read from a file.
        vit: Tells whether positions cover the prefix tokens.

    Returns:
        A new dict, values in fp32; unknown names are kept as they are.
    """
    prefix = next((p for p in _PREFIXES
                   if all(k.startswith(p) for k in weights)), '')
    renamed = {}
    for key, value in weights.items():
        key = key.removeprefix(prefix)
        for pattern, replacement in _RENAMES:
            key = re.sub(pattern, replacement, key)
        if key not in UNUSED_KEYS:
            renamed[key] = value.float()
    return _split_class_position(_join_qkv(renamed), vit)


def _join_qkv(weights: StateDict) -> StateDict:
    joined = {}
    for key, value in weights.items():
        if '.attn.query.' in key:
            parts = [key.replace('query', part)
                     for part in ('query', 'key', 'value')]
            joined[key.replace('query', 'qkv')] = torch.cat(
                [weights[part] for part in parts if part in weights])
        elif not re.search(r'\.attn\.(key|value)\.', key):
            joined[key] = value
    return joined


def _split_class_position(weights: StateDict,
                          vit: VisionTransformer) -> StateDict:
    """Fold the class token's position into it where ``vit`` has none.

    timm's models with registers have positions for patches only; the
    original files have one more, for the class token.
    """
    positions = weights.get('pos_embed')
    has_class_position = (
        positions is not None
        and math.isqrt(positions.shape[1])**2 != positions.shape[1]
        and math.isqrt(positions.shape[1] - 1)**2 == positions.shape[1] - 1)
    if vit.no_embed_class and has_class_position and 'cls_token' in weights:
        weights['cls_token'] = weights['cls_token'] + positions[:, :1]
        weights['pos_embed'] = positions[:, 1:]
    return weights


def _resample(weights: StateDict, vit: VisionTransformer,
              source: str) -> StateDict:
    weights = dict(weights)
    patch_key = 'patch_embed.proj.weight'
    if patch_key in weights:
        weights[patch_key] = resample_patch_embed(
            weights[patch_key], list(vit.patch_embed.patch_size))
    if 'pos_embed' in weights:
        num_prefix = 0 if vit.no_embed_class else vit.num_prefix_tokens
        num_patches = weights['pos_embed'].shape[1] - num_prefix
        if num_patches != vit.patch_embed.num_patches:
            weights['pos_embed'] = resample_abs_pos_embed(
                weights['pos_embed'],
                new_size=list(vit.patch_embed.grid_size),
                old_size=[_square_side(num_patches, source)] * 2,
                num_prefix_tokens=num_prefix)
    return weights


def _square_side(num_patches: int, source: str) -> int:
    side = math.isqrt(max(num_patches, 0))
    if side**2 != num_patches:
        raise ValueError(f'{source} has {num_patches} patch positions, which '
                         'form no square grid and are not as many as '
                         '`img_size` asks for; is it a backbone of this '
                         '`arch` (with or without register tokens?), or was '
                         'it trained with another `img_size`?')
    return side


def _check_keys(weights: StateDict, vit: VisionTransformer,
                source: str) -> None:
    expected = vit.state_dict()
    faults = []
    missing = [key for key in expected if key not in weights]
    if missing:
        faults.append(f'missing keys: {", ".join(missing)}')
    unexpected = [key for key in weights if key not in expected]
    if unexpected:
        faults.append(f'unexpected keys: {", ".join(unexpected)}')
    misshaped = [
        f'{key} {tuple(weights[key].shape)} instead of '
        f'{tuple(expected[key].shape)}' for key in expected
        if key in weights and weights[key].shape != expected[key].shape
    ]
    if misshaped:
        faults.append(f'other shapes: {", ".join(misshaped)}')
    if faults:
        raise ValueError(f'{source} does not fit the ViT of `arch`: ' +
                         '; '.join(faults))


def _download(arch: Arch) -> StateDict:
    if not isinstance(arch, str):
        raise ValueError('`pretrained=True` lets timm download the weights '
                         'of a named `arch`; with a dict give a file')
    return timm.create_model(
        arch, pretrained=True, num_classes=0).state_dict()


def _describe(weights: StateDict) -> str:
    """Patch size and number of positions, to show what was resampled."""
    patch = weights.get('patch_embed.proj.weight')
    positions = weights.get('pos_embed')
    return (f'patch {patch.shape[-1] if patch is not None else "?"}, '
            f'{positions.shape[1] if positions is not None else "?"} '
            'positions')
