"""Base class of the losses on in-distribution and outlier pixels.

Shape letters: N images, C classes, ... any arrangement of pixels; h, w the
logits, H, W the label.
"""
from abc import ABCMeta, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...checks import check_number, check_text


class OutlierLoss(nn.Module, metaclass=ABCMeta):
    """Costs of in-distribution and of outlier pixels, each averaged apart.

    The few pixels of an object therefore weigh as much as all others. A set
    without pixels contributes 0 with a gradient of 0. Computed in float32
    (float64 for float64) under any autocast. Logits smaller than the label
    are scored as they are, and the scores enlarged: C times less to keep
    for backward than enlarged logits.

    Args:
        loss_weight: Factor of the sum.
        loss_name: Key in the log; holds 'loss'.
    """

    enlarges_scores = True

    def __init__(self, loss_weight: float, loss_name: str) -> None:
        super().__init__()
        check_number('loss_weight', loss_weight, low=0, of=self)
        check_text('loss_name', loss_name, of=self)
        self.loss_weight = loss_weight
        self.loss_name = loss_name
        self._target_seen = False

    @abstractmethod
    def pixel_scores(self, logits: Tensor) -> Tensor:
        """Reduce logits (N, C, ...), at least float32, to (N, ...)."""

    @abstractmethod
    def pixel_costs(self, scores: Tensor) -> tuple[Tensor | None, Tensor]:
        """Price every pixel twice.

        Args:
            scores: (N, ...).

        Returns:
            The cost of a pixel if it is in-distribution (None: nothing), and
            if it is an outlier, each (N, ...).
        """

    def forward(self,
                pred: Tensor,
                target: Tensor,
                weight: Tensor | None = None,
                ignore_index: int = 255) -> Tensor:
        """Average the costs over the two kinds of pixels and add both.

        Args:
            pred: (N, C, ...): plain logits, or the scores S of a mask
                classifier. Maps (N, C, h, w) may be smaller than the target.
            target: (N, ...) or (N, H, W) integers: 0 in-distribution, 1
                outlier.
            weight: Factors of the shape of ``target``; they do not enter
                the counts the sums are divided by.
            ignore_index: Pixels of this target cost nothing.

        Returns:
            A scalar.

        Raises:
            ValueError: If ``target`` or ``weight`` does not fit ``pred``,
                or the first target holds other ids, which are classes.
        """
        self._check(pred, target, weight, ignore_index)
        valid = target != ignore_index
        sets = (valid & (target == 0), valid & (target == 1))
        with torch.autocast(pred.device.type, enabled=False):
            scores = self.pixel_scores(
                pred.to(torch.promote_types(pred.dtype, torch.float32)))
            if scores.shape != target.shape:
                scores = F.interpolate(
                    scores[:, None], target.shape[1:], mode='bilinear')[:, 0]
            costs = self.pixel_costs(scores)
            terms = [
                _mean_over(pixels, cost, weight)
                for pixels, cost in zip(sets, costs, strict=True)
                if cost is not None
            ]
            return self.loss_weight * sum(terms)

    def _check(self, pred: Tensor, target: Tensor, weight: Tensor | None,
               ignore_index: int) -> None:
        name = type(self).__name__
        expected = (len(pred), *pred.shape[2:])
        maps = pred.dim() == 4 and target.dim() == 3
        if target.shape != expected and not (
                maps and len(target) == len(pred)):
            raise ValueError(
                f'`target` of {name} must have the shape of `pred` without '
                f'its class axis, {expected}, or be a map of another size, '
                f'got {tuple(target.shape)}')
        if weight is not None and weight.shape != target.shape:
            raise ValueError(
                f'`weight` of {name} must have the shape of `target`, '
                f'{tuple(target.shape)}, got {tuple(weight.shape)}')
        if self._target_seen:  # asking each time would stall a GPU
            return
        self._target_seen = True
        others = (target > 1) & (target != ignore_index)
        if others.any():
            raise ValueError(
                f'`target` of {name} must hold 0 (in-distribution), 1 '
                f'(outlier) and {ignore_index} (void), got '
                f'{target[others].max().item()}; list the loss in '
                '`outlier_losses` of the segmentor, because the target of '
                '`loss_decode` holds classes')


def squared_hinges(score: Tensor, inlier_upper: float,
                   outlier_lower: float) -> tuple[Tensor, Tensor]:
    """Price an anomaly score that lies on the wrong side of a bound.

    Args:
        score: Any shape, larger = more anomalous.
        inlier_upper: In-distribution pixels should not exceed it.
        outlier_lower: Outliers should not fall below it.

    Returns:
        ``relu(s - inlier_upper)^2 / 2`` and ``relu(outlier_lower - s)^2 /
        2``, of the shape of ``score``.
    """
    return ((score - inlier_upper).relu().square() / 2,
            (outlier_lower - score).relu().square() / 2)


def _mean_over(pixels: Tensor, costs: Tensor,
               weight: Tensor | None) -> Tensor:
    if weight is not None:
        costs = costs * weight
    total = torch.where(pixels, costs, 0.).sum()
    return total / pixels.sum().clamp(min=1)
