"""Add a backbone to the weight differences that the original code publishes.

Its DINOv3 checkpoints hold, for the encoder, what training added to a file
that only its owner may pass on; the heads are whole.

Source: https://github.com/tue-mps/eomt (MIT), training/lightning_module.py,
``delta_weights``.
"""
import torch
from mmengine.logging import print_log

from ..models.eomt.vit_layouts import match_biases
from ..models.eomt.vit_weights import fold_class_position, resample
from .eomt_weights import EoMTWeights, StateDict
from .resampling import grid_of

MEAN = 'network.encoder.pixel_mean'


def holds_differences(weights: EoMTWeights) -> bool:
    """Whether constants, which training does not change, are 0."""
    return MEAN in weights.extras and not weights.extras[MEAN].any()


def add_backbone(differences: EoMTWeights, backbone: StateDict,
                 img_size: tuple[int, int] | None = None) -> EoMTWeights:
    """Add a backbone to the differences from it.

    The backbone is fitted to the patch size and positions of the
    differences, as the original code does before training. Buffers are
    differences only if the normalisation constants are 0: mask
    probabilities, which start as 1, are added to 1 then.

    Args:
        differences: Differences in the ViT, a whole head.
        backbone: A ViT by timm's names.
        img_size: (height, width) that the differences are for, if their
            positions are no square.

    Returns:
        A whole EoMT, what was added in fp32.

    Raises:
        ValueError: If the two do not fit, or the first is whole already.
    """
    backbone = match_biases(backbone, set(differences.vit), 'the backbone')
    num_prefix = 0
    if 'pos_embed' in differences.vit:
        grid, num_prefix = grid_of(differences, img_size)
        if num_prefix == 0:
            backbone = fold_class_position(backbone)
        backbone = resample(backbone, (differences.patch_size, ) * 2, grid,
                            num_prefix, 'the backbone')
    _check_fit(differences.vit, backbone)
    vit = {name: backbone[name].float() + value.float()
           for name, value in differences.vit.items()}
    head, extras = dict(differences.head), dict(differences.extras)
    if holds_differences(differences):
        head['attn_mask_probs'] = 1 + head['attn_mask_probs']
        for name in list(extras):
            if name.startswith('network.'):
                del extras[name]
    probs = head['attn_mask_probs']
    if probs.min() < 0 or probs.max() > 1:
        raise ValueError('the mask probabilities of the differences become '
                         f'{probs.tolist()}, expected values in [0, 1]')
    print_log(f'added {len(vit)} tensors to those of the backbone, mask '
              f'probabilities {probs.tolist()}', logger='current')
    return EoMTWeights(vit, head, extras)


def _check_fit(vit: StateDict, backbone: StateDict) -> None:
    faults = sorted(vit.keys() ^ backbone.keys())
    faults += [f'{name} {tuple(value.shape)} for {tuple(vit[name].shape)}'
               for name, value in backbone.items()
               if name in vit and value.shape != vit[name].shape]
    if faults:
        raise ValueError('the backbone is not the one that the differences '
                         f'are from; these differ: {", ".join(faults)}')
    name = max(vit, key=lambda n: vit[n].numel())
    ours, theirs = vit[name].float(), backbone[name].float()
    if torch.dist(ours, theirs) < 0.5 * ours.norm():
        raise ValueError(f'the checkpoint is whole: its {name} is close to '
                         'that of the backbone; leave --backbone out')
