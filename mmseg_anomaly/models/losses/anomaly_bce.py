"""Binary cross-entropy of normal against anomalous pixels.

Shape letters: B images, H, W the label.
"""
import torch
import torch.nn.functional as F
from torch import Tensor

from ...labels import IGNORE_INDEX


def anomaly_bce(logits: Tensor, anomaly_label: Tensor,
                pos_weight: float) -> Tensor:
    """Average the cross-entropy over the pixels that are not void.

    With y = 1 on anomalies and p = sigmoid(L) a pixel costs
    ``-pos_weight * y * log p - (1 - y) * log(1 - p)``. Void pixels count
    neither in the sum nor in the number of pixels.

    Args:
        logits: (B, 1, H, W) of any floating dtype.
        anomaly_label: (B, H, W) of 0, 1 and 255.
        pos_weight: > 0, how much more an anomalous pixel counts.

    Returns:
        A float32 scalar; 0, with zero gradients, if every pixel is void.
    """
    valid = anomaly_label != IGNORE_INDEX
    target = (valid & (anomaly_label > 0)).float()  # (B, H, W)
    with torch.autocast(logits.device.type, enabled=False):
        costs = F.binary_cross_entropy_with_logits(
            logits[:, 0].float(), target, reduction='none',
            pos_weight=target.new_tensor(pos_weight))
        return (costs * valid).sum() / valid.sum().clamp(min=1)
