"""EoMT's training as its formulas read, and scenes to try it on.

Shape letters: B images, Q queries, K classes, H W pixels of label maps, h w
of masks.
"""
import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor


def blobs(num_images: int, size_hw: tuple[int, int],
          num_classes: int) -> Tensor:
    """Return label maps (B, H, W) of roundish regions, some of them void."""
    height, width = size_hw
    shape = (num_images, num_classes + 1, height // 32, width // 32)
    labels = F.interpolate(
        torch.randn(shape), size_hw, mode='bicubic').argmax(1)
    return labels.masked_fill(labels == num_classes, 255)


def _sample(maps: Tensor, points: Tensor) -> Tensor:
    grid = 2 * points[:, :, None] - 1
    return F.grid_sample(maps, grid, align_corners=False)[..., 0]


def _match(masks: Tensor, classes: Tensor, targets: Tensor, labels: Tensor,
           num_points: int) -> tuple:
    points = torch.rand(1, num_points, 2)
    truth = _sample(targets[:, None], points.expand(len(targets), -1, -1))
    logits = _sample(masks[:, None], points.expand(len(masks), -1, -1))
    truth, logits = truth[:, 0], logits[:, 0]
    pos = F.binary_cross_entropy_with_logits(
        logits, torch.ones_like(logits), reduction='none') / num_points
    neg = F.binary_cross_entropy_with_logits(
        logits, torch.zeros_like(logits), reduction='none') / num_points
    probs = logits.sigmoid()
    dice = 1 - (2 * probs @ truth.T + 1) / (
        probs.sum(1)[:, None] + truth.sum(1)[None] + 1)
    cost = (5 * (pos @ truth.T + neg @ (1 - truth).T) + 5 * dice -
            2 * classes.softmax(-1)[:, labels])
    return linear_sum_assignment(cost.cpu())


def _prediction(masks: Tensor, classes: Tensor, targets: list[Tensor],
                labels: list[Tensor], num_points: int) -> Tensor:
    with torch.no_grad():
        pairs = [_match(*image, num_points)
                 for image in zip(masks, classes, targets, labels,
                                  strict=True)]
    matched = torch.cat([m[q] for m, (q, _) in zip(masks, pairs,
                                                   strict=True)])[:, None]
    wanted = torch.cat([t[c] for t, (_, c) in zip(targets, pairs,
                                                  strict=True)])[:, None]
    with torch.no_grad():
        candidates = torch.rand(len(matched), 3 * num_points, 2)
        unsure = -_sample(matched, candidates)[:, 0].abs()
        best = unsure.topk(int(0.75 * num_points)).indices
        points = torch.cat((
            candidates.gather(1, best[..., None].expand(-1, -1, 2)),
            torch.rand(len(matched), num_points - best.shape[1], 2)), 1)
        truth = _sample(wanted, points)[:, 0]
    logits = _sample(matched, points)[:, 0]
    probs = logits.sigmoid()
    mask = F.binary_cross_entropy_with_logits(
        logits, truth, reduction='none').mean(1).sum()
    dice = (1 - (2 * (probs * truth).sum(1) + 1) /
            (probs.sum(1) + truth.sum(1) + 1)).sum()
    num_classes = classes.shape[2] - 1
    classes_wanted = torch.full(classes.shape[:2], num_classes)
    for row, label, (q, c) in zip(classes_wanted, labels, pairs, strict=True):
        row[q] = label[c]
    weight = torch.ones(num_classes + 1)
    weight[-1] = 0.1
    entropy = F.cross_entropy(classes.flatten(0, 1),
                              classes_wanted.flatten(), weight)
    return 5 * (mask + dice) / len(matched) + 2 * entropy


def literal_criterion(masks: list[Tensor], classes: list[Tensor],
                      label_maps: Tensor, num_points: int) -> Tensor:
    """Return the sum of the losses of all predictions.

    Args:
        masks: Mask logits (B, Q, h, w) of each prediction.
        classes: Class logits (B, Q, K + 1) of each prediction.
        label_maps: (B, H, W) of class ids; ids >= K are no class.
        num_points: Points of a pair, and of an image for matching.
    """
    labels = [m.unique() for m in label_maps]
    num_classes = classes[0].shape[2] - 1
    labels = [present[present < num_classes] for present in labels]
    targets = [(m == present[:, None, None]).float()
               for m, present in zip(label_maps, labels, strict=True)]
    return sum(
        _prediction(m.float(), c.float(), targets, labels, num_points)
        for m, c in zip(masks, classes, strict=True))
