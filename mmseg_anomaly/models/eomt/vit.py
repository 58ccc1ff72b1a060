"""Build timm's vision transformers, to be cut in two.

EoMT runs the first blocks of a ViT on patches alone and the last ones on
patches and queries together, so each of its two halves asks for its own part
of one and the same transformer.

A built ViT is taken apart: MMEngine's ``init_weights`` descends into every
child that has a method of that name and would initialise a timm
``VisionTransformer`` again, after pretrained values were read into it.

DINOv3 differs from DINOv2 in its positions: every block rotates the queries
and keys of patches (and of nothing else) instead of one sum at the start.
"""
from collections.abc import Callable, Iterable

import numpy as np
import timm
import torch
from timm.layers import RotaryEmbeddingDinoV3
from timm.models.eva import Eva, EvaAttention, EvaBlock
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.checkpoint import checkpoint

from ...checks import check_integer, check_number, check_size
from ...exporting import is_exporting

Arch = str | dict
Vit = VisionTransformer | Eva


def build_vit(arch: Arch,
              img_size: tuple[int, int],
              patch_size: int,
              drop_path_rate: float = 0.) -> Vit:
    """Build a ViT without a classifier on the meta device.

    Args:
        arch: Name of a timm ViT (DINOv2 or DINOv3), or a dict of arguments
            of ``timm.models.vision_transformer.VisionTransformer``, or, with
            a ``rope_type``, of ``timm.models.eva.Eva``.
        img_size: (height, width) in pixels that the position grid is for.
        patch_size: Side of a patch in pixels.
        drop_path_rate: Stochastic depth of the last block; earlier blocks
            have proportionally less.

    Returns:
        A transformer whose parameters have shapes, but not yet values.

    Raises:
        ValueError: If ``arch`` is not such a ViT, or ``img_size`` is not a
            multiple of ``patch_size``.
    """
    check_size('img_size', img_size)
    check_integer('patch_size', patch_size, low=1)
    check_number('drop_path_rate', drop_path_rate, low=0, below=1)
    if any(side % patch_size for side in img_size):
        raise ValueError(f'`img_size` must be a multiple of `patch_size`: '
                         f'got {tuple(img_size)} and {patch_size}')
    options = dict(
        img_size=tuple(img_size),
        patch_size=patch_size,
        num_classes=0,
        dynamic_img_size=True,
        drop_path_rate=drop_path_rate)
    with torch.device('meta'), _NoValues():
        if isinstance(arch, str):
            _check_name(arch)
            vit = timm.create_model(arch, pretrained=False, **options)
        else:
            vit = _build_from_sizes({**arch, **options})
    _check_kind(vit, arch)
    return vit


def _build_from_sizes(arch: dict) -> Vit:
    for name in ('embed_dim', 'depth', 'num_heads'):
        if name in arch:
            check_integer(name, arch[name], low=1, of='arch')
    width, heads = arch.get('embed_dim', 768), arch.get('num_heads', 12)
    if width % heads:
        raise ValueError('`arch.embed_dim` must be a multiple of '
                         f'`arch.num_heads`: got {width} and {heads}')
    kind = Eva if 'rope_type' in arch else VisionTransformer
    return kind(global_pool='', **arch)


class _NoValues(TorchFunctionMode):
    """Skip what initialises values: on the meta device it takes long."""

    SKIPPED = frozenset((
        Tensor.add_, Tensor.clamp_, Tensor.copy_, Tensor.div_, Tensor.erfinv_,
        Tensor.fill_, Tensor.mul_, Tensor.normal_, Tensor.uniform_,
        Tensor.zero_, nn.init.normal_, nn.init.uniform_))

    def __torch_function__(self, func: Callable, types: tuple, args: tuple,
                           kwargs: dict | None = None) -> object:
        if func in self.SKIPPED:
            # functions of torch.nn.init get their tensor by keyword
            return args[0] if args else kwargs['tensor']
        return func(*args, **(kwargs or {}))


def _check_kind(vit: nn.Module, arch: Arch) -> None:
    if isinstance(vit, VisionTransformer):
        return
    if not (isinstance(vit, Eva)
            and isinstance(vit.rope, RotaryEmbeddingDinoV3)
            and all(isinstance(block, EvaBlock) for block in vit.blocks)):
        raise ValueError(f'`arch` must name a plain timm ViT such as '
                         f'"vit_base_patch14_reg4_dinov2" or '
                         f'"vit_base_patch16_dinov3_qkvb", got "{arch}", '
                         f'which is another {type(vit).__name__}')
    if vit.rope.aug_active:
        raise ValueError('`arch` must not shift, jitter or rescale the '
                         'coordinates of its rotary positions: the two '
                         'halves of the ViT would sample different ones')


def _check_name(arch: str) -> None:
    if not timm.is_model(arch):
        known = timm.list_models(['*dinov2*', '*dinov3*'], module=None)
        known = [name for name in known if name.startswith('vit_')]
        raise ValueError(f'timm has no model "{arch}"; its DINOv2 and DINOv3 '
                         f'models are: {", ".join(known)}')


def split_depth(vit: Vit, num_joint_blocks: int) -> int:
    """Number of blocks in front of the joint blocks.

    Raises:
        ValueError: If ``num_joint_blocks`` is not between 1 and the depth
            less one.
    """
    check_integer('num_joint_blocks', num_joint_blocks)
    depth = len(vit.blocks)
    if not 0 < num_joint_blocks < depth:
        raise ValueError(f'`num_joint_blocks` must be between 1 and '
                         f'{depth - 1} for a ViT of {depth} blocks, '
                         f'got {num_joint_blocks}')
    return depth - num_joint_blocks


def layer_depth(name: str, depth: int, first_block: int,
                other: int) -> tuple[int, int]:
    """Return the block that a parameter of half a ViT belongs to.

    Args:
        name: Its name within that half.
        depth: Number of blocks of the ViT.
        first_block: Place in the ViT of the block that is the half's first.
        other: Place that what is in no block shares.

    Returns:
        ``(block, depth)``, as a ``VitParamOwner`` answers.
    """
    if name.startswith('blocks.'):
        return first_block + int(name.split('.')[1]), depth
    return other, depth


def materialize(vit: Vit, initialise: bool = True) -> Vit:
    """Give the parameters of a ViT on the meta device values.

    Args:
        vit: As :func:`build_vit` returns it, or a part of it.
        initialise: Set random initial values, which takes seconds for a
            large ViT. Otherwise all are 0, until others are read from a file.

    Returns:
        The same ViT.
    """
    vit.to_empty(device='cpu')
    if initialise:
        vit.init_weights(needs_reset=True)
        return vit
    for parameter in vit.parameters():
        # NumPy's zeros take no memory and no time until they are written
        parameter.data = torch.from_numpy(
            np.zeros(parameter.shape, dtype=np.float32))
    for module in vit.modules():
        if isinstance(module, (RotaryEmbeddingDinoV3, EvaAttention)):
            module.init_non_persistent_buffers()
    return vit


class RotaryPositions(nn.Module):
    """Sines and cosines by which blocks rotate patches, kept between calls.

    Args:
        rope: timm's rotary embedding; it has no parameters.
    """

    def __init__(self, rope: RotaryEmbeddingDinoV3) -> None:
        super().__init__()
        self.rope = rope
        self._cached: tuple[tuple, Tensor] | None = None

    def forward(self, grid: Iterable[int]) -> Tensor:
        """(h * w, 2 * head dim) for the patches of a grid (h, w)."""
        if is_exporting():
            return self.rope.get_embed(shape=list(grid))
        key = (*grid, self.rope.periods.device)
        if self._cached is None or self._cached[0] != key:
            # training must be able to use what testing has cached
            with torch.inference_mode(False), torch.no_grad():
                self._cached = (key, self.rope.get_embed(shape=list(grid)))
        return self._cached[1]


def rotary_positions(vit: Vit) -> RotaryPositions | None:
    """The rotary positions of a ViT, None if it adds its positions."""
    return RotaryPositions(vit.rope) if isinstance(vit, Eva) else None


def prepend_tokens(blocks: Iterable[EvaBlock], num_tokens: int) -> None:
    """Let rotary blocks leave that many more tokens in front unrotated."""
    for block in blocks:
        block.attn.num_prefix_tokens += num_tokens


def run_block(block: Callable[..., Tensor], tokens: Tensor,
              attn_mask: Tensor | None, with_cp: bool,
              rope: Tensor | None = None) -> Tensor:
    """Run one transformer block, recomputing it in backward if asked.

    Args:
        block: A timm block.
        tokens: (B, N, D).
        attn_mask: (B, 1, N, N) bool, True where a row may attend, or None.
        with_cp: Trade time for memory by activation checkpointing.
        rope: Output of :class:`RotaryPositions`, for blocks that rotate.

    Returns:
        (B, N, D).
    """
    positions = () if rope is None else (rope, )
    if with_cp and torch.is_grad_enabled():
        return checkpoint(block, tokens, *positions, attn_mask,
                          use_reentrant=False)
    return block(tokens, *positions, attn_mask)


def freeze(module: nn.Module) -> None:
    """Switch gradients of all parameters off and leave training mode."""
    module.requires_grad_(False)
    module.eval()
