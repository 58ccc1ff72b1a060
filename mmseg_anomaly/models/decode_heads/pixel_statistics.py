"""What a pixel's class scores say about how unsure they are.

Shape letters: B images, K classes, H, W the map.
"""
import torch
from torch import Tensor

NUM_STATISTICS = 4
MIN_SCORE = 1e-7


def pixel_statistics(seg_logits: Tensor) -> Tensor:
    """Sum up the scores of a mask classifier pixel by pixel.

    The channels are ``max_c S_c``; ``-sum_c S_c log S_c`` with S clamped
    below at 1e-7 and not normalised, which is below 0 where scores exceed 1;
    ``sum_c S_c``, in the place of an energy; and ``1 - max_c S_c``. The last
    repeats the first up to sign and offset, which the bias of a linear layer
    makes up for: it adds no information. It stays because the model we follow
    has it, and because two weights in the place of one let the layer move
    twice as fast along that direction at the same learning rate.

    Args:
        seg_logits: (B, K, H, W) scores S >= 0 of any floating dtype.

    Returns:
        (B, 4, H, W) float32: half precision has no 1e-7 to clamp at.
    """
    with torch.autocast(seg_logits.device.type, enabled=False):
        scores = seg_logits.float()
        largest = scores.amax(dim=1)  # (B, H, W)
        total = scores.sum(dim=1)
        clamped = scores.clamp(min=MIN_SCORE)
        entropy = -(clamped * clamped.log()).sum(dim=1)
        return torch.stack([largest, entropy, total, 1 - largest], dim=1)
