"""Target masks of any shape, as the peers' numbers need them."""
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mmseg_anomaly.models.eomt.matching import sample_points


class InstanceTargets:
    """Any masks, overlapping or not, with a class each.

    Args:
        masks: For each image (N_b, H, W), bool or numbers in [0, 1]; one
            size for all images.
        labels: For each image (N_b,) long, the class of each mask.
    """

    def __init__(self, masks: Sequence[Tensor],
                 labels: Sequence[Tensor]) -> None:
        counts = [len(label) for label in labels]
        self.present = [np.arange(count) for count in counts]
        shape = (len(masks), max([1, *counts]))
        self.masks = masks[0].new_zeros((*shape, *masks[0].shape[1:]),
                                        dtype=torch.float32)
        self.class_labels = labels[0].new_zeros(shape)
        for image, count in enumerate(counts):
            self.masks[image, :count] = masks[image].float()
            self.class_labels[image, :count] = labels[image]

    def sample(self, image: int, points: Tensor) -> Tensor:
        return sample_points(self.masks[image:image + 1], points[None])[0].T

    def sample_matches(self, images: Tensor, targets: Tensor,
                     points: Tensor) -> Tensor:
        return sample_points(self.masks[images, targets][:, None],
                             points)[:, 0]
