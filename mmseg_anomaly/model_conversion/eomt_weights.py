"""The form that every layout of an EoMT is turned into first."""
import re
from collections.abc import Iterable
from typing import NamedTuple

from torch import Tensor

from ..models.eomt.masks import num_upscale_blocks
from .eomt_layouts import OURS, unwrap

StateDict = dict[str, Tensor]

EMPTY_WEIGHT = 'criterion.empty_weight'
"""Weights of the classes in the loss, no-object last; ours is no tensor."""
BACKBONE = 'backbone.'
HEAD = 'decode_head.'
HEAD_NAMES = (
    'queries.weight', 'class_head.weight', 'class_head.bias',
    *(f'mask_head.{layer}.{kind}' for layer in (0, 2, 4)
      for kind in ('weight', 'bias')), 'attn_mask_probs')
UPSCALE_NAMES = ('0.weight', '0.bias', '2.weight', '3.weight', '3.bias')
PATCH = 'patch_embed.proj.weight'
VIT_NAMES = ('cls_token', PATCH, 'patch_embed.proj.bias', 'norm.weight',
             'norm.bias')
OPTIONAL_VIT_NAMES = ('reg_token', 'pos_embed')
DEPTHS = {384: 12, 768: 12, 1024: 24, 1280: 32, 1536: 40, 4096: 40}
"""Blocks of a DINOv2 or DINOv3 by its width, but of the smallest width, which
the quick start has with fewer. Source: timm 1.0.31."""


class EoMTWeights(NamedTuple):
    """One EoMT, whatever file it came from."""

    vit: StateDict
    """The whole ViT, by timm's names; the last blocks see the queries."""
    head: StateDict
    """The rest, by the names of ``EoMTDecodeHead``."""
    extras: StateDict
    """What a layout holds next to the model, by the names it has there, so
    that the way back restores it."""

    @property
    def depth(self) -> int:
        """Number of blocks of the ViT."""
        return 1 + max((_block_of(name) for name in self.vit), default=-1)

    @property
    def num_joint_blocks(self) -> int:
        """Number of blocks that see the queries."""
        return len(self.head['attn_mask_probs'])

    @property
    def num_classes(self) -> int:
        """Number of classes K, without no-object."""
        return len(self.head['class_head.bias']) - 1

    @property
    def num_prefix_tokens(self) -> int:
        """Number of class and register tokens."""
        registers = self.vit.get('reg_token')
        return 1 + (0 if registers is None else registers.shape[1])

    @property
    def patch_size(self) -> int:
        """Side of a patch in pixels."""
        return self.vit[PATCH].shape[-1]


def _block_of(name: str) -> int:
    match = re.match(r'blocks\.(\d+)\.', name)
    return int(match[1]) if match else -1


def from_ours(state_dict: StateDict,
              extras: StateDict | None = None,
              source: str = 'the checkpoint') -> EoMTWeights:
    """Take the state dict of ``EoMTViT`` and ``EoMTDecodeHead`` apart.

    Args:
        state_dict: Values of a segmentor by name.
        extras: What another layout held next to it.
        source: What to call it in an error.

    Raises:
        ValueError: If it holds something else, or lacks a block that it
            has a mask probability for.
    """
    state_dict = unwrap(state_dict, OURS, source)
    vit, head = {}, {}
    for key, value in state_dict.items():
        if key.startswith(HEAD):
            head[key.removeprefix(HEAD)] = value
        else:
            vit[key.removeprefix(BACKBONE)] = value
    depth = EoMTWeights(vit, head, {}).depth
    _check_joint_blocks(head, source)
    for name in [n for n in head if n.startswith(('blocks.', 'norm.'))]:
        index = _block_of(name)
        joint = name if index < 0 else name.replace(
            f'blocks.{index}.', f'blocks.{depth + index}.', 1)
        vit[joint] = head.pop(name)
    return EoMTWeights(vit, head, extras or {})


def _check_joint_blocks(head: StateDict, source: str) -> None:
    found = 1 + max(map(_block_of, head))
    expected = len(head['attn_mask_probs'])
    if found < expected:
        raise ValueError(f'{source} has {found} blocks that see the '
                         f'queries ({HEAD}blocks.*), but mask probabilities '
                         f'of {expected}; missing: {HEAD}blocks.{found}. (get '
                         'the whole checkpoint)')


def to_ours(weights: EoMTWeights) -> StateDict:
    """The state dict of a segmentor of ``EoMTViT`` and ``EoMTDecodeHead``."""
    first = weights.depth - weights.num_joint_blocks
    converted = {}
    for name, value in weights.vit.items():
        index = _block_of(name)
        if index >= first:
            name = name.replace(f'blocks.{index}.',
                                f'blocks.{index - first}.', 1)
        of_head = index >= first or name.startswith('norm.')
        converted[(HEAD if of_head else BACKBONE) + name] = value
    return {
        **converted,
        **{HEAD + name: value for name, value in weights.head.items()}
    }


def check_complete(weights: EoMTWeights, source: str,
                   ignore: Iterable[str] = (),
                   stated_depth: int | None = None) -> EoMTWeights:
    """Compare the names with those that such an EoMT has.

    Args:
        weights: Any EoMT.
        source: What to call it in an error.
        ignore: Regular expressions, matched from the start of a name. Such
            names may be missing; where they are left over they are dropped.
        stated_depth: Number of blocks that is written next to the weights.
            By default at least as many as a DINOv2 or DINOv3 of that width
            has, any number if there is none of that width.

    Returns:
        The weights without names that were left over.

    Raises:
        ValueError: If other names are missing or left over, or the numbers
            of blocks do not fit each other.
    """
    depth, found = weights.depth, {**weights.vit, **weights.head}
    if not 0 < weights.num_joint_blocks < depth:
        raise ValueError(f'{source} has {depth} blocks, of which '
                         f'{weights.num_joint_blocks} are to see the '
                         'queries; expected at least one that does and one '
                         'that does not')
    _check_depth(weights, source, ignore, stated_depth)
    expected = {*VIT_NAMES, *HEAD_NAMES, *_block_names(weights.vit, depth),
                *_upscale_names(weights.vit)}
    expected |= {n for n in OPTIONAL_VIT_NAMES if n in weights.vit}
    faults = {
        'missing': sorted(expected - found.keys()),
        'unexpected': sorted(found.keys() - expected)
    }
    faults = {kind: [n for n in names
                     if not any(re.match(p, n) for p in ignore)]
              for kind, names in faults.items()}
    text = '; '.join(f'{kind}: {", ".join(names)}'
                     for kind, names in faults.items() if names)
    if text:
        raise ValueError(f'{source} is no complete EoMT: {text} (name those '
                         'that may differ in --ignore)')
    return EoMTWeights(
        {k: v for k, v in weights.vit.items() if k in expected},
        {k: v for k, v in weights.head.items() if k in expected},
        weights.extras)


def _check_depth(weights: EoMTWeights, source: str, ignore: Iterable[str],
                 stated: int | None) -> None:
    """Find blocks missing at the end, of which no other name tells."""
    norm = weights.vit.get('norm.weight')
    width = 0 if norm is None else len(norm)
    expected = stated or max(DEPTHS.get(width, 0), weights.depth)
    gone = [f'blocks.{index}.' for index in range(weights.depth, expected)]
    gone = [name for name in gone
            if not any(re.match(pattern, name) for pattern in ignore)]
    says = ('its config.json says' if stated else
            f'a DINOv2 or DINOv3 of width {width} has')
    if gone:
        raise ValueError(
            f'{source} has {weights.depth} blocks, but {says} {expected}; '
            f'missing: {", ".join(gone)} (get the whole checkpoint, or name '
            'them in --ignore if the ViT is to end there)')
    if weights.depth > expected:
        raise ValueError(f'{source} has {weights.depth} blocks, but {says} '
                         f'{expected}: one of the two is of another model')


def _block_names(vit: StateDict, depth: int) -> set[str]:
    """What any block has, every block should have."""
    inner = {re.sub(r'^blocks\.\d+\.', '', n) for n in vit
             if _block_of(n) >= 0}
    # a key or value that no query goes with is none of them
    inner = {n for n in inner if re.match(
        r'norm|attn\.(?!key\.|value\.)|mlp\.|ls|gamma_', n)}
    return {f'blocks.{index}.{n}' for index in range(depth) for n in inner}


def _upscale_names(vit: StateDict) -> set[str]:
    """As many blocks as the patch size asks for, 1 if it is missing."""
    number = num_upscale_blocks(vit[PATCH].shape[-1]) if PATCH in vit else 1
    return {f'upscale.{i}.{n}' for i in range(number) for n in UPSCALE_NAMES}
