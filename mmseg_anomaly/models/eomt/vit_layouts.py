"""The names that other projects give the parameters of a ViT.

DINOv2: timm and Meta (``blocks.0.attn.qkv``; with registers Meta names them
``register_tokens`` and adds a position to the class token), Hugging Face
(``encoder.layer.0.attention``, separate query, key and value) and mmpretrain
(``layers.0.ln1``). DINOv3: timm (``blocks.0.gamma_1``), Meta
(``storage_tokens``) and Hugging Face (``layer.0.attention.q_proj``). All
become timm's names.
"""
import re

import torch
from mmengine.logging import print_log
from torch import Tensor

StateDict = dict[str, Tensor]

UNUSED = re.compile(r'mask_token$|rope_embed\.|local_cls_norm\.|'
                    r'blocks\.\d+\.attn\.qkv\.bias_mask$')
"""Left over from pretraining, or computed from the settings."""

_PREFIXES = ('backbone.', 'dinov2_with_registers.', 'dinov2.', 'dinov3_vit.',
             'module.', 'model.')

_RENAMES = [(re.compile(pattern), replacement) for pattern, replacement in (
    # Meta
    (r'^(register|storage)_tokens$', 'reg_token'),
    (r'\.mlp\.w12\.', '.mlp.fc1.'),
    (r'\.mlp\.w1\.', '.mlp.fc1_g.'),
    (r'\.mlp\.w2\.', '.mlp.fc1_x.'),
    (r'\.mlp\.w3\.', '.mlp.fc2.'),
    # Hugging Face
    (r'^embeddings\.register_tokens$', 'reg_token'),
    (r'^embeddings\.(cls_token|mask_token)$', r'\1'),
    (r'^embeddings\.position_embeddings$', 'pos_embed'),
    (r'^embeddings\.patch_embeddings\.(projection\.)?', 'patch_embed.proj.'),
    (r'^(encoder\.)?layer\.', 'blocks.'),
    (r'\.attention\.attention\.(query|key|value)\.', r'.attn.\1.'),
    (r'\.attention\.output\.dense\.', '.attn.proj.'),
    (r'\.attention\.q_proj\.', '.attn.query.'),
    (r'\.attention\.k_proj\.', '.attn.key.'),
    (r'\.attention\.v_proj\.', '.attn.value.'),
    (r'\.attention\.o(ut)?_proj\.', '.attn.proj.'),
    (r'\.layer_scale([12])\.lambda1$', r'.ls\1.gamma'),
    (r'\.mlp\.weights_in\.', '.mlp.fc1.'),
    (r'\.mlp\.weights_out\.', '.mlp.fc2.'),
    (r'\.mlp\.gate_proj\.', '.mlp.fc1_g.'),
    (r'\.mlp\.up_proj\.', '.mlp.fc1.'),
    (r'\.mlp\.down_proj\.', '.mlp.fc2.'),
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
)]


def to_timm_names(weights: StateDict) -> StateDict:
    """Rename the parameters of a ViT in any known layout.

    Args:
        weights: As read from a file.

    Returns:
        A new dict; values are views of the same memory, but for joined
        queries, keys and values. Unknown names are kept as they are.
    """
    prefix = next((p for p in _PREFIXES
                   if all(key.startswith(p) for key in weights)), '')
    renamed = {}
    for key, value in weights.items():
        key = key.removeprefix(prefix)
        for pattern, replacement in _RENAMES:
            key = pattern.sub(replacement, key)
        if not UNUSED.search(key):
            renamed[key] = value
    if 'pos_embed' not in renamed:
        renamed = _name_as_eva(renamed)
    return _join_qkv(renamed)


def _name_as_eva(weights: StateDict) -> StateDict:
    """Name what timm names otherwise in a ViT of rotary positions."""
    gated = any('.mlp.fc1_g.' in key for key in weights)
    renamed = {}
    for key, value in weights.items():
        key = re.sub(r'\.ls([12])\.gamma$', r'.gamma_\1', key)
        key = re.sub(r'\.attn\.query\.bias$', '.attn.q_bias', key)
        key = re.sub(r'\.attn\.value\.bias$', '.attn.v_bias', key)
        if gated:
            key = key.replace('.mlp.fc1.', '.mlp.fc1_x.')
        if key.endswith('.attn.qkv.bias'):
            # keys have none: that of the file is masked out
            query, _, value = value.chunk(3)
            renamed[key.replace('qkv.bias', 'q_bias')] = query
            key = key.replace('qkv.bias', 'v_bias')
        renamed[key] = value
    return renamed


def _join_qkv(weights: StateDict) -> StateDict:
    joined = {}
    for key, value in weights.items():
        query = re.sub(r'\.attn\.(key|value)\.', '.attn.query.', key)
        if '.attn.query.' in key:
            parts = [key.replace('query', part)
                     for part in ('query', 'key', 'value')]
            joined[key.replace('query', 'qkv')] = torch.cat(
                [weights[part] for part in parts if part in weights])
        elif query == key or query not in weights:
            joined[key] = value
    return joined


def match_biases(weights: StateDict, names: set[str],
                 source: str) -> StateDict:
    """Add or leave out biases of queries and values that are 0.

    The published DINOv3 files have such biases, all 0, and timm has two
    architectures: with them (``*_qkvb``) and without.

    Args:
        weights: timm's names.
        names: Those that the model has.
        source: What to call them in the log.

    Returns:
        A new dict. Biases that are not 0 are kept, so that they are missed.
    """
    is_bias = re.compile(r'blocks\.\d+\.attn\.[qv]_bias$').match
    added = {name for name in names if is_bias(name)} - weights.keys()
    if any(map(is_bias, weights)):
        added = set()
    dropped = {name for name, value in weights.items()
               if is_bias(name) and name not in names and not value.any()}
    matched = {k: v for k, v in weights.items() if k not in dropped}
    for name in added:
        norm = re.sub(r'attn\.[qv]_bias$', 'norm1.bias', name)
        if norm in weights:
            matched[name] = torch.zeros_like(weights[norm])
    for names_of, verb in ((added, 'added'), (dropped, 'left out')):
        if names_of:
            print_log(f'{source}: {verb} {len(names_of)} biases of queries '
                      'and values, all 0', logger='current')
    return matched
