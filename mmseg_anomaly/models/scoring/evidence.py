"""Evidence per pixel, made from the masks and classes of queries.

Shape letters: B images, Q queries, K classes, h' w' pixels of a mask, H W
pixels of the image.
"""
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ...exporting import is_exporting

# Names of evidence, keys of the dict that `predict_evidence` returns.
SEG_LOGITS = 'seg_logits'
EAM = 'eam'
NO_OBJECT = 'no_object'
CLOSENESS = 'closeness'
PIXEL_HEAD = 'pixel_head'
VOID = 'void'

BAND_SIZE = 2**21
"""Mask values that are enlarged at once: 8 MB, which caches hold."""


class Prediction(NamedTuple):
    """Masks and classes that the queries propose."""

    mask_logits: Tensor
    """(B, Q, h', w') before the sigmoid, h' = h * 2 ** upscale blocks."""
    class_logits: Tensor
    """(B, Q, K + 1) before the softmax, the last one for no-object."""
    class_scale: float = 1.0
    """Factor of the class logits within the evidence."""


def semantic_evidence(
        prediction: Prediction,
        size: Sequence[int] | None = None,
        extra: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
    """Turn masks and classes of queries into evidence per pixel.

    With m the mask logits and p = softmax(class_scale * class logits) over K
    classes and no-object: ``seg_logits`` S_c = sum_q sigmoid(m_q) p_qc for
    c <= K in [0, Q]; ``eam`` = sum_q sigmoid(m_q) max_{c <= K} p_qc;
    ``no_object`` = sum_q sigmoid(m_q) p_q,no-object. Computed in fp32 also
    under autocast: half precision near 1 would tie most scores. Masks are
    enlarged image by image in bands of rows: all of them (Q, H, W) never
    exist.

    Args:
        prediction: Masks and classes.
        size: (H, W) to which the mask logits are enlarged (bilinear) before
            the sigmoid, or None to keep theirs.
        extra: Further values w_q (B, Q) of the queries by name.

    Returns:
        ``seg_logits`` (B, K, H, W), ``eam`` and ``no_object`` (B, 1, H, W),
        and sum_q sigmoid(m_q) w_q (B, 1, H, W) for each name of ``extra``.

    Source: Cheng et al., Per-Pixel Classification is Not All You Need,
    section 3.4 (S); Grcic et al., On Advantages of Mask-level Recognition
    for Outlier-aware Segmentation, 2023 (eam).
    """
    extra = extra or {}
    with torch.autocast(prediction.mask_logits.device.type, enabled=False):
        mask_logits = prediction.mask_logits.float()
        class_logits = prediction.class_logits.float()
        probs = (prediction.class_scale * class_logits).softmax(dim=-1)
        known_probs, no_object = probs[..., :-1], probs[..., -1:]
        weights = torch.cat(
            [known_probs, known_probs.amax(-1, keepdim=True), no_object,
             *(values.float()[..., None] for values in extra.values())],
            dim=-1)  # (B, Q, K + 2 + len(extra))
        if size is not None and is_exporting():
            mask_logits = F.interpolate(mask_logits, size, mode='bilinear')
        if size is None or is_exporting():
            evidence = torch.einsum('bqc,bqhw->bchw', weights,
                                    mask_logits.sigmoid())
        else:
            evidence = weights.new_empty(
                (len(weights), weights.shape[2], *size))
            for image, masks in enumerate(mask_logits):
                _fill_enlarged(evidence[image], weights[image], masks)
    names = [SEG_LOGITS, EAM, NO_OBJECT, *extra]
    sizes = [known_probs.shape[-1], *[1] * (len(names) - 1)]
    return dict(zip(names, evidence.split(sizes, dim=1), strict=True))


def _fill_enlarged(evidence: Tensor, weights: Tensor,
                   mask_logits: Tensor) -> None:
    """Fill (c, H, W) of an image from (Q, c) and (Q, h', w')."""
    height, width = evidence.shape[1:]
    max_rows = BAND_SIZE // (max(1, len(mask_logits)) * width)
    for rows, seen, kept in _bands(mask_logits.shape[1], height, max_rows):
        # queries innermost: PyTorch enlarges all of them at once on a CPU
        band = mask_logits[None, :, rows].contiguous(
            memory_format=torch.channels_last)
        size = seen.stop - seen.start, width
        band = F.interpolate(band, size, mode='bilinear')[0]
        masks = band[:, kept.start - seen.start:kept.stop - seen.start]
        evidence[:, kept] = torch.einsum('qc,qhw->chw', weights,
                                         masks.sigmoid_())


def _bands(num_rows: int, num_enlarged: int,
           max_rows: int) -> Iterator[tuple[slice, slice, slice]]:
    """Cut a map into bands of rows that can be enlarged on their own.

    A band begins where a row begins in both resolutions. It reaches beyond
    what is kept of it, by the rows that bilinear interpolation looks at.

    Args:
        num_rows: Rows of the map.
        num_enlarged: Rows of the enlarged map.
        max_rows: Enlarged rows to keep of a band, or as many as it takes
            until rows begin together again.

    Yields:
        The rows of the map, the same as enlarged rows, and which of those
        to keep.
    """
    units = math.gcd(num_rows, num_enlarged)
    small, large = num_rows // units, num_enlarged // units
    step = max(1, max_rows // large)
    for start in range(0, units, step):
        stop = min(start + step, units)
        first, last = max(start - 1, 0), min(stop + 1, units)
        yield (slice(first * small, last * small),
               slice(first * large, last * large),
               slice(start * large, stop * large))
