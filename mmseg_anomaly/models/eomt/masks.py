"""Layers that make the mask of each query, and masked attention.

Shape letters: B images, Q queries, D channels, N tokens in all, h w patches,
h' w' pixels of a mask.
"""
import math

import torch.nn.functional as F
from timm.layers import LayerNorm2d
from torch import Tensor, nn


def num_upscale_blocks(patch_size: int) -> int:
    """How often a mask's resolution is doubled: to a stride of 4 pixels.

    Source: https://github.com/tue-mps/eomt, models/eomt.py (MIT).
    """
    return max(1, int(math.log2(patch_size)) - 2)


def make_mask_head(dim: int) -> nn.Sequential:
    """Three layers that turn a query into the weights of its mask."""
    return nn.Sequential(
        nn.Linear(dim, dim), nn.GELU(), nn.Linear(dim, dim), nn.GELU(),
        nn.Linear(dim, dim))


def make_upscaling(dim: int, patch_size: int) -> nn.Sequential:
    """Transposed and depthwise convolutions, each pair doubles the size."""
    return nn.Sequential(*(_upscale_block(dim)
                           for _ in range(num_upscale_blocks(patch_size))))


def _upscale_block(dim: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(dim, dim, kernel_size=2, stride=2), nn.GELU(),
        nn.Conv2d(dim, dim, 3, padding=1, groups=dim, bias=False),
        LayerNorm2d(dim))


def patch_map_of(tokens: Tensor, grid: tuple[int, int]) -> Tensor:
    """(B, D, h, w) from the last tokens of (B, N, D)."""
    patches = tokens[:, -grid[0] * grid[1]:].unflatten(1, grid)
    # channels last also for one image, where transpose would hide it from
    # the convolutions that follow
    return patches.permute(0, 3, 1, 2)


def multiply_masks(queries: Tensor, features: Tensor) -> Tensor:
    """Mask logits (B, Q, h', w') of queries (B, Q, D).

    Args:
        queries: Output of the mask head.
        features: (B, D, h', w') upscaled patches.
    """
    pixels = features.permute(0, 2, 3, 1).flatten(1, 2)
    # pixels first: the other order costs four times as much for one
    # image in bfloat16 on a CPU
    mask_logits = (pixels @ queries.transpose(1, 2)).transpose(1, 2)
    mask_logits = mask_logits.contiguous()
    return mask_logits.unflatten(2, features.shape[2:])


def query_attention_mask(mask_logits: Tensor, grid: tuple[int, int],
                         num_tokens: int,
                         unmasked: Tensor | None = None) -> Tensor:
    """Let each query attend to the patches of its own mask only.

    Only the view that queries have of patches is masked, so that a row is
    never empty.

    Args:
        mask_logits: (B, Q, h', w').
        grid: (h, w) patches.
        num_tokens: N, the queries first and the patches last.
        unmasked: (B, Q) bool, True for queries that may attend anywhere.

    Returns:
        (B, 1, N, N) bool, True where a row may attend.
    """
    inside = F.interpolate(mask_logits, grid, mode='bilinear') > 0
    inside = inside.flatten(2)  # (B, Q, h * w)
    if unmasked is not None:
        inside = inside | unmasked[..., None]
    num_queries, num_patches = inside.shape[1:]
    return F.pad(
        inside[:, None],
        (num_tokens - num_patches, 0, 0, num_tokens - num_queries),
        value=True)
