"""Undo padding, flip and resize, from the network's input to the image."""
from collections.abc import Mapping

from mmseg.models.utils import resize
from torch import Tensor

_FLIPPED_DIMS = {'horizontal': (3, ), 'vertical': (2, ), 'diagonal': (2, 3)}


def undo_test_transforms(values: Tensor, meta: Mapping,
                         align_corners: bool = False) -> Tensor:
    """Undo padding, flip and resize of one image, in MMSeg's order.

    Args:
        values: (1, c, H, W) in the resolution of the input.
        meta: Metainfo of the sample: ``img_padding_size`` or else
            ``padding_size`` (left, right, top, bottom), ``flip``,
            ``flip_direction`` and ``ori_shape``, each where it applies.
        align_corners: Passed to the bilinear interpolation.

    Returns:
        (1, c, rows, columns) of ``ori_shape``; without that entry the size
        is kept.
    """
    padding = meta.get('img_padding_size', meta.get('padding_size'))
    if padding is not None:
        left, right, top, bottom = padding
        values = values[..., top:values.shape[2] - bottom,
                        left:values.shape[3] - right]
    if meta.get('flip'):
        values = values.flip(_FLIPPED_DIMS[meta['flip_direction']])
    if 'ori_shape' not in meta:
        return values
    return resize(
        values,
        size=tuple(meta['ori_shape'][:2]),
        mode='bilinear',
        align_corners=align_corners,
        warning=False)
