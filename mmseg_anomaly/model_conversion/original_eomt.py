"""The layout of the original EoMT code.

``network.encoder.backbone.*`` is a ViT: timm's DINOv2, or Hugging Face's
DINOv3 whose ``embeddings`` and ``layer`` are called ``patch_embed`` and
``blocks``. The rest of ``network.*`` are the queries and heads.

Source: https://github.com/tue-mps/eomt (MIT), models/eomt.py and vit.py;
the names of its DINOv3 as in transformers' conversion script for it.
"""
import re

import torch

from ..models.eomt.vit_layouts import to_timm_names
from .eomt_layouts import ORIGINAL, unwrap
from .eomt_weights import EMPTY_WEIGHT, EoMTWeights, StateDict

NETWORK = 'network.'
VIT = 'encoder.backbone.'
CARRIED = ('network.encoder.pixel_mean', 'network.encoder.pixel_std',
           EMPTY_WEIGHT)
PIXEL_STATISTICS = {
    'network.encoder.pixel_mean': (0.485, 0.456, 0.406),
    'network.encoder.pixel_std': (0.229, 0.224, 0.225)
}

HEAD_RENAMES = (
    (r'^q\.weight$', 'queries.weight'),
    (r'^upscale\.(\d+)\.conv1\.', r'upscale.\1.0.'),
    (r'^upscale\.(\d+)\.conv2\.', r'upscale.\1.2.'),
    (r'^upscale\.(\d+)\.norm\.', r'upscale.\1.3.'),
)
HEAD_RENAMES_BACK = (
    (r'^queries\.weight$', 'q.weight'),
    (r'^upscale\.(\d+)\.0\.', r'upscale.\1.conv1.'),
    (r'^upscale\.(\d+)\.2\.', r'upscale.\1.conv2.'),
    (r'^upscale\.(\d+)\.3\.', r'upscale.\1.norm.'),
)
ROTARY_RENAMES_BACK = (
    (r'^cls_token$', 'patch_embed.cls_token'),
    (r'^reg_token$', 'patch_embed.register_tokens'),
    (r'^patch_embed\.proj\.', 'patch_embed.patch_embeddings.'),
    (r'\.attn\.proj\.', '.attention.o_proj.'),
    (r'\.attn\.([qv])_bias$', r'.attention.\1_proj.bias'),
    (r'\.gamma_([12])$', r'.layer_scale\1.lambda1'),
    (r'\.mlp\.fc1_g\.', '.mlp.gate_proj.'),
    (r'\.mlp\.fc1(_x)?\.', '.mlp.up_proj.'),
    (r'\.mlp\.fc2\.', '.mlp.down_proj.'),
)


def rename(name: str, renames: tuple[tuple[str, str], ...]) -> str:
    """Apply pairs of a pattern and its replacement in turn."""
    for pattern, replacement in renames:
        name = re.sub(pattern, replacement, name)
    return name


def from_original(weights: StateDict,
                  source: str = 'the checkpoint') -> EoMTWeights:
    """Read the state dict of the original code's Lightning module.

    Args:
        weights: Entries ``network.*`` and ``criterion.*``; prefixes of
            ``torch.compile`` and of data parallel training may stand in
            between.
        source: What to call them in an error.

    Returns:
        The EoMT; normalisation constants, which belong to our data
        preprocessor, and class weights, which belong to our loss, are
        carried along.

    Raises:
        ValueError: If the entries are no original EoMT.
    """
    weights = unwrap(weights, ORIGINAL, source)
    extras = {key: weights.pop(key) for key in CARRIED if key in weights}
    vit, head = {}, {}
    for key, value in weights.items():
        name = key.removeprefix(NETWORK)
        if name.startswith(VIT):
            name = re.sub(
                r'^patch_embed\.(?=\w+_tokens?$|patch_embeddings\.)',
                'embeddings.', name.removeprefix(VIT))
            vit[name] = value
        else:
            head[rename(name, HEAD_RENAMES)] = value
    return EoMTWeights(to_timm_names(vit), head, extras)


def to_original(weights: EoMTWeights) -> StateDict:
    """Name an EoMT as the original code does, in its order.

    Normalisation constants are those carried along, else ImageNet's in the
    type of the other values.
    """
    vit = weights.vit
    if 'pos_embed' not in vit:
        vit = {rename(name, ROTARY_RENAMES_BACK): value
               for name, value in split_qkv(vit).items()}
    head = {rename(name, HEAD_RENAMES_BACK): value
            for name, value in weights.head.items()}
    dtype = weights.head['queries.weight'].dtype
    statistics = {
        name: weights.extras.get(
            name, torch.tensor(value, dtype=dtype).view(1, 3, 1, 1))
        for name, value in PIXEL_STATISTICS.items()
    }
    probs = {'network.attn_mask_probs': head.pop('attn_mask_probs')}
    empty_weight = {name: value for name, value in weights.extras.items()
                    if name == EMPTY_WEIGHT}
    return {
        **probs, **statistics,
        **{f'{NETWORK}{VIT}{name}': value for name, value in vit.items()},
        **{f'{NETWORK}{name}': value for name, value in head.items()},
        **empty_weight
    }


def split_qkv(vit: StateDict) -> StateDict:
    """Queries, keys and values apart, ``attention.q_proj`` and so on."""
    split = {}
    for name, value in vit.items():
        if '.attn.qkv.' not in name:
            split[name] = value
            continue
        for part, chunk in zip('qkv', value.chunk(3), strict=True):
            split[name.replace('attn.qkv', f'attention.{part}_proj')] = chunk
    return split
