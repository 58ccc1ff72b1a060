"""The layout of Hugging Face's ``EomtForUniversalSegmentation``.

Source: transformers 4.57, models/eomt/modeling_eomt.py (Apache-2.0).
"""
import json
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..class_names import ClassMeta
from ..models.eomt.vit_layouts import to_timm_names
from .checkpoint_files import WEIGHTS, write_checkpoint
from .eomt_layouts import HUGGING_FACE, unwrap
from .eomt_weights import EMPTY_WEIGHT, EoMTWeights, StateDict
from .original_eomt import rename, split_qkv
from .resampling import grid_of

POSITIONS = 'embeddings.position_embeddings.weight'
REGISTERS = 'embeddings.register_tokens'
PREFIX_TOKENS = 'vit.prefix_tokens'
PREFIX_POSITIONS = 'vit.prefix_positions'
NO_OBJECT_WEIGHT = 0.1

HEAD_RENAMES = (
    (r'^query\.', 'queries.'),
    (r'^class_predictor\.', 'class_head.'),
    (r'^mask_head\.fc1\.', 'mask_head.0.'),
    (r'^mask_head\.fc2\.', 'mask_head.2.'),
    (r'^mask_head\.fc3\.', 'mask_head.4.'),
    (r'^upscale_block\.block\.(\d+)\.conv1\.', r'upscale.\1.0.'),
    (r'^upscale_block\.block\.(\d+)\.conv2\.', r'upscale.\1.2.'),
    (r'^upscale_block\.block\.(\d+)\.layernorm2d\.', r'upscale.\1.3.'),
)
HEAD_RENAMES_BACK = (
    (r'^queries\.', 'query.'),
    (r'^class_head\.', 'class_predictor.'),
    (r'^mask_head\.0\.', 'mask_head.fc1.'),
    (r'^mask_head\.2\.', 'mask_head.fc2.'),
    (r'^mask_head\.4\.', 'mask_head.fc3.'),
    (r'^upscale\.(\d+)\.0\.', r'upscale_block.block.\1.conv1.'),
    (r'^upscale\.(\d+)\.2\.', r'upscale_block.block.\1.conv2.'),
    (r'^upscale\.(\d+)\.3\.', r'upscale_block.block.\1.layernorm2d.'),
)
VIT_RENAMES_BACK = (
    (r'^cls_token$', 'embeddings.cls_token'),
    (r'^reg_token$', REGISTERS),
    (r'^patch_embed\.proj\.', 'embeddings.patch_embeddings.projection.'),
    (r'^blocks\.', 'layers.'),
    (r'\.attn\.proj\.', '.attention.out_proj.'),
    (r'\.ls([12])\.gamma$', r'.layer_scale\1.lambda1'),
    (r'^norm\.', 'layernorm.'),
)


def from_hugging_face(weights: StateDict,
                      extras: StateDict | None = None,
                      source: str = 'the checkpoint') -> EoMTWeights:
    """Read the state dict of ``EomtForUniversalSegmentation``.

    Its patches alone have positions. ViTs of timm without registers have one
    for the class token too: it is restored if the file carries it along and
    its class token was not changed since, and 0 otherwise, which gives the
    same model.

    Args:
        weights: As Hugging Face names them.
        extras: What :func:`to_hugging_face` has left aside.
        source: What to call the weights in an error.

    Raises:
        ValueError: If the entries are no such model.
    """
    weights = unwrap(weights, HUGGING_FACE, source)
    extras = dict(extras or {})
    if EMPTY_WEIGHT in weights:
        extras[EMPTY_WEIGHT] = weights.pop(EMPTY_WEIGHT)
    head, vit = {}, {}
    for key, value in weights.items():
        name = rename(key, HEAD_RENAMES)
        of_vit = key.startswith(('embeddings.', 'layers.', 'layernorm.'))
        (vit if of_vit else head)[name] = value
    if POSITIONS in vit:
        vit['pos_embed'] = vit.pop(POSITIONS)[None]
    if REGISTERS in vit and not vit[REGISTERS].numel():
        del vit[REGISTERS]
    vit = to_timm_names(vit)
    return EoMTWeights(_unfold_prefix(vit, extras), head, extras)


def _unfold_prefix(vit: StateDict, extras: StateDict) -> StateDict:
    tokens = extras.pop(PREFIX_TOKENS, None)
    positions = extras.pop(PREFIX_POSITIONS, None)
    if 'pos_embed' not in vit:
        return vit
    names = [name for name in ('cls_token', 'reg_token') if name in vit]
    found = torch.cat([vit[name] for name in names], 1)
    if tokens is not None and torch.equal(_add(tokens, positions), found):
        sizes = [vit[name].shape[1] for name in names]
        vit = {**vit, **dict(zip(names, tokens.split(sizes, 1), strict=True))}
    elif 'reg_token' in vit:
        return vit
    else:
        positions = torch.zeros_like(vit['cls_token'])
    patches = vit['pos_embed']
    return {**vit, 'pos_embed': torch.cat(
        [positions.to(patches.dtype), patches], 1)}


def _add(tokens: Tensor, positions: Tensor) -> Tensor:
    return tokens.float() + positions.float()


def to_hugging_face(weights: EoMTWeights) -> tuple[StateDict, StateDict]:
    """Name an EoMT as ``EomtForUniversalSegmentation`` does.

    Returns:
        The state dict, and what to carry along for the way back: values that
        cannot be told from their sum.

    Raises:
        ValueError: If that class cannot hold such a model.
    """
    vit, extras = _fold_prefix(weights)
    vit = dict(vit)
    vit.setdefault('reg_token', vit['cls_token'][:, :0])
    positions = vit.pop('pos_embed')
    named = {_name_gated(rename(name, VIT_RENAMES_BACK), weights): value
             for name, value in split_qkv(vit).items()}
    head = {rename(name, HEAD_RENAMES_BACK): value
            for name, value in weights.head.items()}
    empty_weight = weights.extras.get(EMPTY_WEIGHT)
    if empty_weight is None:
        empty_weight = torch.ones(weights.num_classes + 1)
        empty_weight[-1] = NO_OBJECT_WEIGHT
    return {POSITIONS: positions[0], **named, **head,
            EMPTY_WEIGHT: empty_weight}, extras


def _name_gated(name: str, weights: EoMTWeights) -> str:
    if not _is_gated(weights):
        return name
    return name.replace('.mlp.fc1.', '.mlp.weights_in.').replace(
        '.mlp.fc2.', '.mlp.weights_out.')


def _fold_prefix(weights: EoMTWeights) -> tuple[StateDict, StateDict]:
    vit = weights.vit
    if 'pos_embed' not in vit or 'blocks.0.ls1.gamma' not in vit:
        raise ValueError('EomtForUniversalSegmentation holds ViTs of '
                         'DINOv2: with added positions and layer scale, '
                         'which this checkpoint lacks')
    try:
        grid, num_prefix = grid_of(weights, None)
    except ValueError as error:
        raise ValueError('EomtForUniversalSegmentation takes square images '
                         'only: give a square --img-size (and '
                         f'--source-img-size); {error}') from None
    patches = vit['pos_embed'][:, -math.prod(grid):]
    if not num_prefix:
        return vit, {}
    names = [name for name in ('cls_token', 'reg_token') if name in vit]
    tokens = torch.cat([vit[name] for name in names], 1)
    positions = vit['pos_embed'][:, :num_prefix]
    sizes = [vit[name].shape[1] for name in names]
    folded = zip(names, _add(tokens, positions).split(sizes, 1), strict=True)
    extras = {PREFIX_TOKENS: tokens, PREFIX_POSITIONS: positions}
    return {**vit, **dict(folded), 'pos_embed': patches}, extras


def _is_gated(weights: EoMTWeights) -> bool:
    wide = weights.vit['blocks.0.mlp.fc1.weight'].shape[0]
    return wide == 2 * weights.vit['blocks.0.mlp.fc2.weight'].shape[1]


def make_config(weights: EoMTWeights, num_heads: int | None = None,
                classes: list[str] | None = None) -> dict[str, Any]:
    """The ``config.json`` of an EoMT.

    Args:
        weights: Whose positions are square.
        num_heads: Heads of attention, which no tensor shows; by default of
            64 channels each, as in every DINOv2.
        classes: Names of the classes.

    Returns:
        What ``EomtConfig`` reads.

    Raises:
        ValueError: If the number of heads does not fit.
    """
    width = weights.vit['norm.weight'].shape[0]
    num_heads = num_heads or width // 64
    if not num_heads or width % num_heads:
        raise ValueError(f'a ViT of width {width} cannot have {num_heads} '
                         'heads of attention; give --num-heads')
    fc2 = weights.vit['blocks.0.mlp.fc2.weight'].shape
    gated = _is_gated(weights)
    grid, _ = grid_of(weights, None)
    if classes is None:
        classes = [f'LABEL_{index}' for index in range(weights.num_classes)]
    return dict(
        architectures=['EomtForUniversalSegmentation'],
        model_type='eomt',
        hidden_size=width,
        num_hidden_layers=weights.depth,
        num_attention_heads=num_heads,
        # the gated layers of Hugging Face shrink by 2 / 3
        mlp_ratio=round(fc2[1] * (1.5 if gated else 1) / fc2[0]),
        use_swiglu_ffn=gated,
        image_size=grid[0] * weights.patch_size,
        patch_size=weights.patch_size,
        num_upscale_blocks=len(
            [n for n in weights.head if n.endswith('.3.bias')]),
        num_blocks=weights.num_joint_blocks,
        num_queries=len(weights.head['queries.weight']),
        num_register_tokens=weights.num_prefix_tokens - 1,
        no_object_weight=NO_OBJECT_WEIGHT,
        id2label={str(i): name for i, name in enumerate(classes)},
        label2id={name: i for i, name in enumerate(classes)})


def write_folder(path: str | Path, state_dict: StateDict,
                 extras: StateDict, config: dict[str, Any],
                 names: ClassMeta | None = None) -> None:
    """Write what ``from_pretrained`` reads, and the colours of the classes."""
    path = Path(path)
    path.mkdir(parents=True, exist_ok=True)
    write_checkpoint(path / WEIGHTS, state_dict, extras=extras,
                     **(names or {}))
    (path / 'config.json').write_text(json.dumps(config, indent=2) + '\n')
