"""Point sampling, mask targets and the matching of queries to targets.

Shape letters: B images, L predictions (one per joint block and the last),
Q queries, K classes, N targets of an image (columns of its cost matrix),
M images of a call (with repetition), n matched pairs, P points, H and W rows
and columns of targets, h and w of mask logits. Points are (x, y) in [0, 1]
of the image, whatever the resolution of the map they are read from.

Source: Mask2Former, https://arxiv.org/abs/2112.01527, section 3.3, and
PointRend, https://arxiv.org/abs/1912.08193, section 3.1 (selection of
uncertain points). Written from the formulas.
"""
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor

COST_LIMIT = 1e10


def sample_points(maps: Tensor, points: Tensor) -> Tensor:
    """Read maps bilinearly at points; outside the border lies zero.

    Args:
        maps: (M, C, H, W) float.
        points: (M, P, 2), x and y in [0, 1].

    Returns:
        (M, C, P), dtype of ``maps``.
    """
    grid = (2 * points - 1).unsqueeze(2).to(maps.dtype)  # (M, P, 1, 2)
    return F.grid_sample(maps, grid, align_corners=False).squeeze(3)


def sample_corners(label_maps: Tensor, images: Tensor,
                   points: Tensor) -> tuple[Tensor, Tensor]:
    """Look up the four pixels around points and their bilinear weights.

    Reading integers once serves every disjoint mask they encode: the soft
    label of mask c is the sum of the weights of corners that hold c, equal
    to ``sample_points`` of the mask as floats.

    Args:
        label_maps: (B, H, W) integers.
        images: (M,) which map each row of points belongs to.
        points: (M, P, 2), x and y in [0, 1].

    Returns:
        Corner labels (M, 4, P) and weights (M, 4, P), zero for corners
        outside the map.
    """
    height, width = label_maps.shape[1:]
    size = points.new_tensor((width, height))
    position = points * size - 0.5
    low = position.floor()
    part = position - low  # share of the right or lower corner
    offset = images[:, None] * (height * width)
    indices, weights = [], []
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        x, y = low[..., 0] + dx, low[..., 1] + dy
        weight = ((part[..., 0] if dx else 1 - part[..., 0]) *
                  (part[..., 1] if dy else 1 - part[..., 1]))
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        weights.append(weight * inside)
        indices.append(offset + y.clamp(0, height - 1).long() * width +
                       x.clamp(0, width - 1).long())
    labels = label_maps.flatten()[torch.stack(indices, dim=1)]
    return labels, torch.stack(weights, dim=1)


class MaskTargets(Protocol):
    """Target masks of a batch, readable at points.

    Attributes:
        class_labels: (B, N) long, the class of each column.
        columns: For each image the columns that hold a target, (N_b,) int64
            on the host, so that the number of pairs is known without asking
            the device.
    """

    class_labels: Tensor
    columns: list[np.ndarray]

    def sample(self, points: Tensor) -> Tensor:
        """Read all columns of each image at its points.

        Args:
            points: (B, P, 2).

        Returns:
            (B, N, P) float32 soft labels in [0, 1].
        """

    def sample_pairs(self, images: Tensor, columns: Tensor,
                     points: Tensor) -> Tensor:
        """Read one column of one image for each row of points.

        Args:
            images: (n,) long.
            columns: (n,) long.
            points: (n, P, 2).

        Returns:
            (n, P) float32 soft labels in [0, 1].
        """


class SemanticTargets:
    """One mask for each class an image shows; column c is class c.

    Everything that is no class (void, pasted outliers) belongs to no mask
    and hence is background of every mask.

    Args:
        label_maps: (B, H, W) integers; ids >= ``num_classes`` are no class.
        num_classes: K.

    Raises:
        ValueError: If a label is negative.
    """

    def __init__(self, label_maps: Tensor, num_classes: int) -> None:
        self.label_maps = label_maps.clamp(max=num_classes).to(torch.int16)
        self.num_classes = num_classes
        num_images = len(label_maps)
        seen = torch.stack([(self.label_maps == c).flatten(1).any(1)
                            for c in range(num_classes)], dim=1)
        negative = (self.label_maps < 0).flatten(1).any(1)
        seen = torch.cat((seen, negative[:, None]), dim=1).cpu().numpy()
        if seen[:, -1].any():
            raise ValueError('`label_maps` must hold class ids or reserved '
                             'ids >= `num_classes`, got a negative label; '
                             'map it to 255')
        self.columns = [np.flatnonzero(row[:-1]) for row in seen]
        self.class_labels = torch.arange(
            num_classes, device=label_maps.device).expand(num_images, -1)

    def sample(self, points: Tensor) -> Tensor:
        images = torch.arange(len(points), device=points.device)
        labels, weights = sample_corners(self.label_maps, images, points)
        shape = (len(points), self.num_classes + 1, points.shape[1])
        soft = weights.new_zeros(shape).scatter_add_(1, labels.long(),
                                                     weights)
        return soft[:, :-1]

    def sample_pairs(self, images: Tensor, columns: Tensor,
                     points: Tensor) -> Tensor:
        labels, weights = sample_corners(self.label_maps, images, points)
        return (weights * (labels == columns[:, None, None])).sum(1)


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
        self.columns = [np.arange(count) for count in counts]
        shape = (len(masks), max([1, *counts]))
        self.masks = masks[0].new_zeros((*shape, *masks[0].shape[1:]),
                                        dtype=torch.float32)
        self.class_labels = labels[0].new_zeros(shape)
        for image, count in enumerate(counts):
            self.masks[image, :count] = masks[image].float()
            self.class_labels[image, :count] = labels[image]

    def sample(self, points: Tensor) -> Tensor:
        return sample_points(self.masks, points)

    def sample_pairs(self, images: Tensor, columns: Tensor,
                     points: Tensor) -> Tensor:
        return sample_points(self.masks[images, columns][:, None],
                             points)[:, 0]


def select_uncertain_points(mask_logits: Tensor, candidates: Tensor,
                            num_uncertain: int) -> Tensor:
    """Keep the candidates at which a mask is least decided.

    The logits are interpolated first and judged then: between -1 and +1
    lies the most uncertain point, though neither neighbour is uncertain.

    Args:
        mask_logits: (n, h, w) before the sigmoid.
        candidates: (n, S, 2) points.
        num_uncertain: How many to keep, at most S.

    Returns:
        (n, num_uncertain, 2) points with the smallest absolute logit, in no
        particular order.
    """
    decided = sample_points(mask_logits[:, None], candidates)[:, 0].abs_()
    chosen = decided.topk(num_uncertain, largest=False, sorted=False).indices
    return candidates.gather(1, chosen[..., None].expand(-1, -1, 2))


def pairwise_costs(point_logits: Tensor, point_labels: Tensor,
                   class_logits: Tensor, class_labels: Tensor, *,
                   mask_weight: float, dice_weight: float,
                   class_weight: float) -> Tensor:
    """Price every pair of a query and a target.

    Cross-entropy is written as ``softplus(x) - x * t``, which needs one
    matrix product; the dice cost counts one extra point above and below.

    Args:
        point_logits: (B, Q, P) mask logits at the points.
        point_labels: (B, N, P) target masks at the points, in [0, 1].
        class_logits: (B, Q, K + 1), no-object last.
        class_labels: (B, N) long, the class of each target.
        mask_weight: Factor of the binary cross-entropy (mean over points).
        dice_weight: Factor of ``1 - (2 |p t| + 1) / (|p| + |t| + 1)``.
        class_weight: Factor of minus the probability of the class.

    Returns:
        (B, Q, N) finite costs; not-a-number became 0.
    """
    labels = point_labels.transpose(1, 2)  # (B, P, N)
    entropy = (F.softplus(point_logits).sum(-1, keepdim=True) -
               point_logits @ labels) / point_logits.shape[-1]
    probs = point_logits.sigmoid()
    size = probs.sum(-1)[:, :, None] + point_labels.sum(-1)[:, None]
    dice = 1 - (2 * (probs @ labels) + 1) / (size + 1)  # (B, Q, N)
    index = class_labels[:, None].expand(-1, class_logits.shape[1], -1)
    class_probs = class_logits.softmax(-1).gather(2, index)  # (B, Q, N)
    costs = (mask_weight * entropy + dice_weight * dice -
             class_weight * class_probs)
    return costs.nan_to_num(0.).clamp(-COST_LIMIT, COST_LIMIT)


def assign(costs: np.ndarray,
           columns: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Match queries to targets one to one at the lowest total cost.

    Args:
        costs: (B, Q, N).
        columns: For each image the columns to match, (N_b,).

    Returns:
        For each image (2, min(Q, N_b)) int64: query and column of each pair,
        queries rising.
    """
    pairs = []
    for cost, column in zip(costs, columns, strict=True):
        rows, chosen = linear_sum_assignment(cost[:, column])
        pairs.append(np.stack((rows, column[chosen])).astype(np.int64))
    return pairs
