"""Resample an EoMT to another resolution or patch size.

Shape letters: N patches, P prefix tokens.
"""
import math

import torch
from mmengine.logging import print_log
from timm.layers import resample_abs_pos_embed, resample_patch_embed

from ..models.eomt.masks import make_upscaling, num_upscale_blocks
from .eomt_weights import PATCH, EoMTWeights


def grid_of(weights: EoMTWeights,
            img_size: tuple[int, int] | None) -> tuple[tuple[int, int], int]:
    """Rows and columns that an EoMT's added positions are for.

    Args:
        weights: With ``pos_embed`` (1, N or P + N, D).
        img_size: (height, width) in pixels, or None for a square.

    Returns:
        ``((rows, columns), number of positions that are of no patch)``.

    Raises:
        ValueError: If the positions are no square, or not of ``img_size``.
    """
    number, patch = weights.vit['pos_embed'].shape[1], weights.patch_size
    # timm's models with registers have positions for patches only
    prefixes = [weights.num_prefix_tokens, 0]
    if 'reg_token' in weights.vit:
        prefixes.reverse()
    for prefix in prefixes:
        side = math.isqrt(max(number - prefix, 0))
        grid = (side, side)
        if img_size is not None:
            grid = (img_size[0] // patch, img_size[1] // patch)
        if math.prod(grid) == number - prefix:
            return grid, prefix
    if img_size is None:
        raise ValueError(f'the checkpoint has {number} positions, which are '
                         'no square; say by --source-img-size which height '
                         'and width they are for')
    raise ValueError(f'the checkpoint has {number} positions, which are not '
                     f'those of an image of {tuple(img_size)} with patches '
                     f'of {patch}; correct --source-img-size')


def change_sizes(weights: EoMTWeights, *,
                 img_size: tuple[int, int] | None = None,
                 patch_size: int | None = None,
                 source_img_size: tuple[int, int] | None = None,
                 seed: int = 0) -> EoMTWeights:
    """Fit an EoMT to another resolution or patch size.

    Args:
        weights: Any EoMT.
        img_size: New (height, width) in pixels, None to keep it. Rotary
            positions hold none.
        patch_size: New side of a patch in pixels, None to keep it.
        source_img_size: (height, width) of the checkpoint, if no square.
        seed: For layers that the new patch size asks for in addition.

    Returns:
        The changed EoMT, what was resampled in fp32.

    Raises:
        ValueError: If sizes do not fit each other, or are given for rotary
            positions.

    Source: timm, resample_patch_embed (Beyer et al., FlexiViT, CVPR 2023)
    and resample_abs_pos_embed (bicubic, antialiased).
    """
    if 'pos_embed' not in weights.vit and (img_size or source_img_size):
        raise ValueError(
            'the checkpoint has rotary positions, which are computed for '
            'any image and hold no size: leave --img-size and '
            '--source-img-size out, and set `img_size` of backbone and '
            'decode_head in the config')
    patch = patch_size or weights.patch_size
    vit = dict(weights.vit)
    if 'pos_embed' in vit and (img_size or source_img_size
                               or patch != weights.patch_size):
        grid, prefix = grid_of(weights, source_img_size)
        pixels = img_size or [side * weights.patch_size for side in grid]
        if any(side % patch for side in pixels):
            raise ValueError(f'--img-size must be a multiple of the patch '
                             f'size: got {tuple(pixels)} and {patch}; give '
                             'one that is')
        new_grid = tuple(side // patch for side in pixels)
        if new_grid != grid:
            vit['pos_embed'] = resample_abs_pos_embed(
                vit['pos_embed'].float(), new_size=list(new_grid),
                old_size=list(grid), num_prefix_tokens=prefix)
            print_log(f'resized pos_embed: {grid} to {new_grid} patches',
                      logger='current')
    if patch != weights.patch_size:
        vit[PATCH] = resample_patch_embed(
            vit[PATCH].float(), [patch, patch])
        print_log(f'resized {PATCH}: {weights.patch_size} to {patch} pixels',
                  logger='current')
    changed = EoMTWeights(vit, weights.head, weights.extras)
    return _fit_upscaling(changed, seed)


def _fit_upscaling(weights: EoMTWeights, seed: int) -> EoMTWeights:
    """As many upscaling blocks as the patch size asks for."""
    wanted = num_upscale_blocks(weights.patch_size)
    names = [n for n in weights.head if n.startswith('upscale.')]
    found = 1 + max(int(n.split('.')[1]) for n in names)
    if found == wanted:
        return weights
    surplus = {n for n in names if int(n.split('.')[1]) >= wanted}
    head = {n: v for n, v in weights.head.items() if n not in surplus}
    if wanted > found:
        dim = len(head['upscale.0.0.bias'])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            fresh = make_upscaling(dim, weights.patch_size).state_dict()
        dtype = head['upscale.0.0.bias'].dtype
        head.update({f'upscale.{n}': v.to(dtype) for n, v in fresh.items()
                     if int(n.split('.')[0]) >= found})
    verb = 'reinitialised' if wanted > found else 'dropped'
    print_log(f'{verb} {abs(wanted - found)} upscaling block(s): masks need '
              f'{wanted} with this patch size; train the model before use',
              logger='current')
    return EoMTWeights(weights.vit, head, weights.extras)
