"""What queries propose, and what it says about each pixel.

Shape letters: B images, Q queries, K classes, h' w' pixels of a mask, H W
pixels of the image.
"""
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Prediction(NamedTuple):
    """Masks and classes that the queries propose."""

    mask_logits: Tensor
    """(B, Q, h', w') before the sigmoid, h' = h * 2 ** upscale blocks."""
    class_logits: Tensor
    """(B, Q, K + 1) before the softmax, the last one for no-object."""


def semantic_evidence(
        prediction: Prediction,
        size: Sequence[int] | None = None) -> dict[str, Tensor]:
    """Turn masks and classes of queries into evidence per pixel.

    With m the mask logits and p = softmax(class logits) over K classes and
    no-object: ``seg_logits`` S_c = sum_q sigmoid(m_q) p_qc for c <= K in
    [0, Q]; ``eam`` = sum_q sigmoid(m_q) max_{c <= K} p_qc; ``no_object`` =
    sum_q sigmoid(m_q) p_q,no-object. Computed in fp32 also under autocast:
    half precision near 1 would tie most scores.

    Args:
        prediction: Masks and classes.
        size: (H, W) to which the mask logits are enlarged (bilinear) before
            the sigmoid, or None to keep theirs.

    Returns:
        ``seg_logits`` (B, K, H, W), ``eam`` and ``no_object`` (B, 1, H, W).

    Source: Cheng et al., Per-Pixel Classification is Not All You Need,
    section 3.4 (S); Grcic et al., On Advantages of Mask-level Recognition
    for Outlier-aware Segmentation, 2023 (eam).
    """
    with torch.autocast(prediction.mask_logits.device.type, enabled=False):
        mask_logits = prediction.mask_logits.float()
        probs = prediction.class_logits.float().softmax(dim=-1)
        known_probs, no_object = probs[..., :-1], probs[..., -1:]
        weights = torch.cat(
            [known_probs, known_probs.amax(-1, keepdim=True), no_object],
            dim=-1)  # (B, Q, K + 2)
        if size is not None:
            mask_logits = F.interpolate(
                mask_logits, tuple(size), mode='bilinear')
        evidence = torch.einsum('bqc,bqhw->bchw', weights,
                                mask_logits.sigmoid())
    num_classes = known_probs.shape[-1]
    seg_logits, eam, no_object = evidence.split([num_classes, 1, 1], dim=1)
    return dict(seg_logits=seg_logits, eam=eam, no_object=no_object)
