"""timm's vision transformers, built and cut in two.

EoMT runs the first blocks of a ViT on patches alone and the last ones on
patches and queries together, so each of its two halves asks for its own part
of one and the same transformer.

A built ViT is taken apart: MMEngine's ``init_weights`` descends into every
child that has a method of that name and would initialise a timm
``VisionTransformer`` anew, after pretrained values were read into it.
"""
from collections.abc import Callable

import timm
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

Arch = str | dict


def build_vit(arch: Arch,
              img_size: tuple[int, int],
              patch_size: int,
              drop_path_rate: float = 0.) -> VisionTransformer:
    """Build a ViT without a classifier on the meta device.

    Args:
        arch: Name of a timm ViT, or a dict of arguments of
            ``timm.models.vision_transformer.VisionTransformer``.
        img_size: (height, width) in pixels that the position grid is for.
        patch_size: Side of a patch in pixels.
        drop_path_rate: Stochastic depth of the last block; earlier blocks
            have proportionally less.

    Returns:
        A transformer whose parameters have shapes and no values.

    Raises:
        ValueError: If ``arch`` is no plain ViT, or ``img_size`` is no
            multiple of ``patch_size``.
    """
    if any(side % patch_size for side in img_size):
        raise ValueError(f'`img_size` must be a multiple of `patch_size`: '
                         f'got {tuple(img_size)} and {patch_size}')
    options = dict(
        img_size=tuple(img_size),
        patch_size=patch_size,
        num_classes=0,
        dynamic_img_size=True,
        drop_path_rate=drop_path_rate)
    with torch.device('meta'):
        if isinstance(arch, str):
            _check_name(arch)
            vit = timm.create_model(arch, pretrained=False, **options)
        else:
            vit = VisionTransformer(
                global_pool='', **{**arch, **options})
    if not isinstance(vit, VisionTransformer):
        raise ValueError(f'`arch` must name a plain timm ViT such as '
                         f'"vit_base_patch14_reg4_dinov2", got "{arch}", '
                         f'which is a {type(vit).__name__}')
    return vit


def _check_name(arch: str) -> None:
    if not timm.is_model(arch):
        raise ValueError(f'timm has no model "{arch}"; its DINOv2 models '
                         f'are: {", ".join(timm.list_models("*dinov2*"))}')


def split_depth(vit: VisionTransformer, num_joint_blocks: int) -> int:
    """Number of blocks in front of the joint blocks.

    Raises:
        ValueError: If ``num_joint_blocks`` is not between 1 and the depth
            less one.
    """
    depth = len(vit.blocks)
    if not 0 < num_joint_blocks < depth:
        raise ValueError(f'`num_joint_blocks` must be between 1 and '
                         f'{depth - 1} for a ViT of {depth} blocks, '
                         f'got {num_joint_blocks}')
    return depth - num_joint_blocks


def materialize(vit: VisionTransformer) -> VisionTransformer:
    """Give the parameters of a ViT on the meta device initial values."""
    vit.to_empty(device='cpu')
    vit.init_weights(needs_reset=True)
    return vit


def run_block(block: Callable[..., Tensor], tokens: Tensor,
              attn_mask: Tensor | None, with_cp: bool) -> Tensor:
    """Run one transformer block, recomputing it in backward if asked.

    Args:
        block: A timm block.
        tokens: (B, N, D).
        attn_mask: (B, 1, N, N) bool, True where a row may attend, or None.
        with_cp: Trade time for memory by activation checkpointing.

    Returns:
        (B, N, D).
    """
    if with_cp and torch.is_grad_enabled():
        return checkpoint(block, tokens, attn_mask, use_reentrant=False)
    return block(tokens, attn_mask)


def freeze(module: nn.Module) -> None:
    """Switch gradients of all parameters off and leave training mode."""
    module.requires_grad_(False)
    module.eval()
