"""Point sampling, mask targets and the matching of queries to targets.

Shape letters: B images, L predictions (one per joint block and the last),
Q queries, K classes, N targets of an image,
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

from ...labels import IGNORE_INDEX, KNOWN_INDEX, RESERVED_INDICES

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


def pad_labels(label_maps: Tensor, num_classes: int) -> Tensor:
    """Surround label maps with a pixel that belongs to no class.

    Args:
        label_maps: (B, H, W) integers >= 0.
        num_classes: K; all ids from K on become K.

    Returns:
        (B, H + 2, W + 2) int16 in [0, K].
    """
    return F.pad(label_maps.clamp(max=num_classes).to(torch.int16),
                 (1, 1, 1, 1), value=num_classes)


def sample_corners(padded_labels: Tensor, images: Tensor,
                   points: Tensor) -> tuple[Tensor, Tensor]:
    """Look up the four pixels around points and their bilinear weights.

    Reading integers once serves every disjoint mask they encode: the soft
    label of mask c is the sum of the weights of corners that hold c, equal
    to ``sample_points`` of the mask as floats. The border of the padded map
    stands for the zeros outside.

    Args:
        padded_labels: (B, H + 2, W + 2), see ``pad_labels``.
        images: (M,) long, the map each row of points is read from.
        points: (M, P, 2), x and y in [0, 1].

    Returns:
        Corner labels (4, M, P) and weights (4, M, P).
    """
    height, width = (side - 2 for side in padded_labels.shape[1:])
    x = points[..., 0] * width + 0.5  # in pixels of the padded map
    y = points[..., 1] * height + 0.5
    left, top = x.int(), y.int()
    x, y = x - left, y - top
    start = images.int()[:, None] * (height + 2)
    corner = ((start + top) * (width + 2) + left).flatten()
    flat = padded_labels.flatten()
    labels = torch.stack([flat[corner + step].view_as(left)
                          for step in (0, 1, width + 2, width + 3)])
    bottom_right = x * y
    weights = torch.stack([1 - x - y + bottom_right, x - bottom_right,
                           y - bottom_right, bottom_right])
    return labels, weights


class MaskTargets(Protocol):
    """Target masks of a batch, readable at points.

    Attributes:
        class_labels: (B, N) long, the class of each target.
        present: For each image which of the N targets it has, (N_b,) int64
            on the host, so that the number of matches is known without
            asking the device.
    """

    class_labels: Tensor
    present: list[np.ndarray]

    def sample(self, image: int, points: Tensor) -> Tensor:
        """Read all targets of one image.

        Args:
            image: Its index.
            points: (P, 2).

        Returns:
            (P, N) float32 soft labels in [0, 1].
        """

    def sample_matches(self, images: Tensor, targets: Tensor,
                       points: Tensor) -> Tensor:
        """Read one target of one image for each row of points.

        Args:
            images: (n,) long.
            targets: (n,) long.
            points: (n, P, 2).

        Returns:
            (n, P) float32 soft labels in [0, 1].
        """


class SemanticTargets:
    """One mask for each class an image shows; target c is class c.

    Everything that is no class (void, pasted outliers) belongs to no mask
    and hence is background of every mask. Target K collects it and is never
    matched.

    Args:
        label_maps: (B, H, W) integers: class ids < ``num_classes``, and
            the reserved ids of ``labels.py``, which are no class.
        num_classes: K.

    Raises:
        ValueError: If a label is another number.
    """

    def __init__(self, label_maps: Tensor, num_classes: int) -> None:
        num_images = len(label_maps)
        seen = torch.zeros((num_images, num_classes + 2), dtype=torch.bool,
                           device=label_maps.device)
        # places: classes, reserved, and what means nothing
        ids = label_maps.flatten(1).long()
        reserved = (ids >= KNOWN_INDEX) & (ids <= IGNORE_INDEX)
        is_class = (ids >= 0) & (ids < num_classes)
        places = torch.where(is_class, ids, num_classes + 1)
        places = places.masked_fill_(reserved, num_classes)
        seen = seen.scatter_(1, places, True).cpu().numpy()
        if seen[:, -1].any():
            wrong = ids[~is_class & ~reserved].unique().tolist()
            raise ValueError(
                'a label map holds class ids below `num_classes` '
                f'{num_classes}, reserved ids {RESERVED_INDICES} and no '
                f'negative label, got {wrong}; correct '
                '`model.decode_head.num_classes` or the labels')
        self.present = [np.flatnonzero(row[:-2]) for row in seen]
        self.class_labels = torch.arange(
            num_classes + 1, device=label_maps.device).expand(num_images, -1)
        self.padded_labels = pad_labels(label_maps, num_classes)

    def sample(self, image: int, points: Tensor) -> Tensor:
        labels, weights = sample_corners(
            self.padded_labels[image:image + 1],
            self.class_labels.new_zeros(1), points[None])
        soft = weights.new_zeros(len(points), self.class_labels.shape[1])
        return soft.scatter_add_(1, labels[:, 0].T.long(), weights[:, 0].T)

    def sample_matches(self, images: Tensor, targets: Tensor,
                       points: Tensor) -> Tensor:
        labels, weights = sample_corners(self.padded_labels, images, points)
        targets = targets.to(labels.dtype)[:, None]
        return (weights * (labels == targets)).sum(0)


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
    """Price every pair of a query and a target of one image.

    Binary cross-entropy is written as ``softplus(x) - x t``, which needs one
    matrix product, and softplus as ``relu(x) - log sigmoid |x|``, which is
    several times faster on a CPU. The dice cost counts one extra point above
    and below.

    Args:
        point_logits: (Q, P) mask logits at the points.
        point_labels: (P, N) target masks at the points, in [0, 1].
        class_logits: (Q, K + 1), no-object last.
        class_labels: (N,) long, the class of each target.
        mask_weight: Factor of the binary cross-entropy (mean over points).
        dice_weight: Factor of ``1 - (2 |p t| + 1) / (|p| + |t| + 1)``.
        class_weight: Factor of minus the probability of the class.

    Returns:
        (Q, N) finite costs; not-a-number became 0.
    """
    logsigmoid = point_logits.abs().sigmoid_().log_().sum(1, keepdim=True)
    softplus = point_logits.relu().sum(1, keepdim=True) - logsigmoid
    entropy = (softplus - point_logits @ point_labels) / len(point_labels)
    probs = point_logits.sigmoid()
    size = probs.sum(1, keepdim=True) + point_labels.sum(0)  # (Q, N)
    dice = 1 - (2 * (probs @ point_labels) + 1) / (size + 1)
    class_probs = class_logits.softmax(1)[:, class_labels]
    costs = (mask_weight * entropy + dice_weight * dice -
             class_weight * class_probs)
    # NaN may pass here: the losses show it, and end the training
    return costs.nan_to_num(0.).clamp(-COST_LIMIT, COST_LIMIT)


def assign(costs: np.ndarray,
           present: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Match queries to targets one to one at the lowest total cost.

    Args:
        costs: (B, Q, N).
        present: For each image the targets to match, (N_b,).

    Returns:
        For each image (2, min(Q, N_b)) int64: query and target of each match,
        queries rising.
    """
    pairs = []
    for cost, targets in zip(costs, present, strict=True):
        queries, chosen = linear_sum_assignment(cost[:, targets])
        pairs.append(np.stack((queries, targets[chosen])).astype(np.int64))
    return pairs
