"""Read a pretrained ViT and fit it to another patch size and grid."""
import math
import pickle
import re
from pathlib import Path

import timm
import torch
from mmengine.logging import print_log
from timm.layers import resample_abs_pos_embed, resample_patch_embed

from ...safe_loading import load_from_local, tensors_of
from .vit import Arch, Vit
from .vit_layouts import StateDict, match_biases, to_timm_names

PATCH = 'patch_embed.proj.weight'


def load_vit_weights(
        pretrained: str | bool,
        arch: Arch,
        vit: Vit,
        dtype: torch.dtype | None = torch.float32) -> StateDict:
    """Read a pretrained ViT and fit it to another patch size and grid.

    Args:
        pretrained: A ``.pth``, ``.bin`` or ``.safetensors`` file, or True to
            let timm download the weights of ``arch``.
        arch: As given to :func:`~mmseg_anomaly.models.eomt.vit.build_vit`.
        vit: The transformer to fit; only names and shapes are read.
        dtype: Type of the values, or None for that of the file (fp32 where
            resampled) and to leave the values in the file, which must stay
            as it is until they are copied into a model.

    Returns:
        Every parameter of ``vit`` by its name. As many positions as ``vit``
        has are taken as they are, others as a square grid, which all
        published DINOv2 files have. DINOv3 has no positions to resample.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is not a file of weights,
            or a key is missing, left over or of another shape.
    """
    if pretrained is True:
        weights, source = _download(arch), f'timm ({arch})'
    else:
        weights = read_weights(pretrained, mmap=dtype is None)
        source = str(pretrained)
    expected = vit.state_dict()
    weights = match_biases(to_timm_names(weights), set(expected), source)
    num_prefix = 0 if vit.no_embed_class else vit.num_prefix_tokens
    if vit.no_embed_class:
        weights = fold_class_position(weights)
    found = _describe(weights)
    weights = resample(weights, vit.patch_embed.patch_size,
                       vit.patch_embed.grid_size, num_prefix, source)
    _check_keys(weights, expected, source)
    print_log(
        f'Read {len(weights)} tensors of a ViT from {source}: {found} -> '
        f'{_describe(expected)}',
        logger='current')
    if dtype is None:
        return weights
    return {key: value.to(dtype) for key, value in weights.items()}


def select_part(weights: StateDict, prefix: str) -> StateDict:
    """Return the entries whose names begin with a prefix, without it."""
    return {key.removeprefix(prefix): value
            for key, value in weights.items() if key.startswith(prefix)}


def read_weights(path: str, mmap: bool = False) -> StateDict:
    """Read the tensors of a file without running code it may carry.

    Args:
        path: A ``.pth``, ``.bin``, ``.ckpt`` or ``.safetensors`` file.
        mmap: Leave the values in the file until they are used.

    Returns:
        Tensors by name.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If the file is not a checkpoint of tensors.
    """
    if not Path(path).expanduser().is_file():
        raise FileNotFoundError(f'`pretrained` file {path} does not exist; '
                                'give the path of a DINOv2 or DINOv3 '
                                'checkpoint, True to download it, or None '
                                'to start from random weights')
    try:
        weights = load_from_local(path, map_location='cpu', mmap=mmap)
    except (pickle.UnpicklingError, ValueError) as error:
        raise ValueError('`pretrained` is no checkpoint of tensors: '
                         f'{error}') from error
    return tensors_of(weights, f'`pretrained` file {path}')


def fold_class_position(weights: StateDict) -> StateDict:
    """Add the class token's position to it, and drop that position.

    timm's models with registers have positions for patches only; the
    original files have one more, for the class token.
    """
    positions = weights.get('pos_embed')
    has_class_position = (
        positions is not None
        and math.isqrt(positions.shape[1])**2 != positions.shape[1]
        and math.isqrt(positions.shape[1] - 1)**2 == positions.shape[1] - 1)
    if not has_class_position or 'cls_token' not in weights:
        return weights
    return {
        **weights,
        'cls_token': weights['cls_token'].float() + positions[:, :1].float(),
        'pos_embed': positions[:, 1:]
    }


def resample(weights: StateDict, patch_size: tuple[int, int],
             grid_size: tuple[int, int], num_prefix: int,
             source: str) -> StateDict:
    """Fit the patch embedding and the positions to other sizes.

    Args:
        weights: timm's names.
        patch_size: (height, width) of a patch in pixels.
        grid_size: (rows, columns) of patches.
        num_prefix: How many positions belong to prefix tokens.
        source: Name of the weights in an error.

    Returns:
        A new dict; what is changed is fp32.

    Raises:
        ValueError: If the positions of the file do not form a square grid.

    Source: timm, resample_patch_embed (Beyer et al., FlexiViT, CVPR 2023)
    and resample_abs_pos_embed (bicubic, antialiased).
    """
    weights = dict(weights)
    if PATCH in weights and weights[PATCH].shape[2:] != tuple(patch_size):
        weights[PATCH] = resample_patch_embed(
            weights[PATCH].float(), list(patch_size))
    if 'pos_embed' in weights:
        num_patches = weights['pos_embed'].shape[1] - num_prefix
        if num_patches != math.prod(grid_size):
            weights['pos_embed'] = resample_abs_pos_embed(
                weights['pos_embed'].float(),
                new_size=list(grid_size),
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


def _check_keys(weights: StateDict, expected: StateDict,
                source: str) -> None:
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
        found, wanted = describe_vit(weights), describe_vit(expected)
        kinds = f' ({found}, not {wanted})' if found != wanted else ''
        raise ValueError(f'{source} does not fit the ViT of `arch`{kinds}: ' +
                         '; '.join(faults))


def describe_vit(weights: StateDict) -> str:
    """In words: kind, width, depth and registers, as far as they show."""
    depth = 1 + max((int(match[1]) for match in (
        re.match(r'blocks\.(\d+)\.', key) for key in weights) if match),
                    default=-1)
    if not depth:
        return 'no ViT'
    registers = weights.get('reg_token')
    width = next((f' of width {weights[key].shape[0]}' for key in
                  ('norm.weight', 'patch_embed.proj.bias')
                  if key in weights), '')
    return (f'a ViT{width} with {depth} blocks, '
            f'{0 if registers is None else registers.shape[1]} registers and '
            f'{"added" if "pos_embed" in weights else "rotary"} positions')


def _download(arch: Arch) -> StateDict:
    if not isinstance(arch, str):
        raise ValueError('`pretrained=True` lets timm download the weights '
                         'of a named `arch`; with a dict give a file')
    return timm.create_model(
        arch, pretrained=True, num_classes=0).state_dict()


def _describe(weights: StateDict) -> str:
    """Patch size and number of positions, to show what was resampled."""
    patch = weights.get(PATCH)
    positions = weights.get('pos_embed')
    return (f'patch {patch.shape[-1] if patch is not None else "?"}, '
            f'{positions.shape[1] if positions is not None else "rotary"} '
            'positions')
