"""The training criterion of a mask classifier.

Shape letters: B images, L predictions, Q queries, K classes, P points,
n matched pairs, h and w rows and columns of mask logits.
"""
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...checks import check_integer, check_number
from ..eomt.matching import (
    MaskTargets,
    SemanticTargets,
    assign,
    pairwise_costs,
    sample_points,
    select_uncertain_points,
)

UniformSource = Callable[[tuple[int, ...]], Tensor]


class _RandomPoints(NamedTuple):
    """Random points of one prediction."""

    match: Tensor  # (B, P_match, 2)
    candidates: Tensor  # (n, oversample_ratio * P, 2)
    uniform: Tensor  # (n, P - int(importance_sample_ratio * P), 2)


class _Matches(NamedTuple):
    """Matched queries and targets of one prediction, each (n,) long."""

    images: Tensor
    queries: Tensor
    targets: Tensor


@MODELS.register_module()
class MaskClassificationLoss(nn.Module):
    """Match queries to target masks and compare the matched pairs.

    Each prediction is matched on its own, with fresh points. Mask (binary
    cross-entropy) and dice losses are taken at points, most of them where
    the mask is undecided, and divided by the number of matched pairs (mean
    over processes, at least 1). The class loss is the weighted mean of the
    cross-entropy; the target of unmatched queries is "no object". Computed in
    float32 under any autocast. The cost matrices of all predictions go to
    the host in one transfer.

    Fewer points cost less and leave the loss the same within the noise of
    sampling (``benchmarks/bench_criterion.py``); with very few, noisy costs
    make the matching worse first.

    Args:
        num_classes: K, no-object not counted.
        num_points: Points of a pair at which masks are compared.
        num_match_points: Points of an image for matching; None takes
            ``num_points``.
        oversample_ratio: Candidates sampled for each compared point, >= 1.
        importance_sample_ratio: Share of compared points that are the most
            uncertain candidates, in [0, 1]; the rest is uniform.
        mask_weight: Weight of the mask loss, also in matching.
        dice_weight: Weight of the dice loss, also in matching.
        class_weight: Weight of the class loss, also in matching.
        no_object_weight: Weight of "no object" within the class loss.
        class_logit_scale: Factor of the class logits in the class loss, not
            in matching; the entropic scale of IsoMax+.

    Raises:
        ValueError: If a number of points or a ratio is out of range.

    Example:
        >>> criterion=dict(
        ...     type='MaskClassificationLoss', num_classes=19,
        ...     num_points=12544)

    Source: Mask2Former, https://arxiv.org/abs/2112.01527; numbers and
    normalisation as tue-mps/eomt@7bd19dd (MIT).
    """

    def __init__(self,
                 num_classes: int,
                 num_points: int = 12544,
                 *,
                 num_match_points: int | None = None,
                 oversample_ratio: float = 3.0,
                 importance_sample_ratio: float = 0.75,
                 mask_weight: float = 5.0,
                 dice_weight: float = 5.0,
                 class_weight: float = 2.0,
                 no_object_weight: float = 0.1,
                 class_logit_scale: float = 1.0) -> None:
        super().__init__()
        check_integer('num_classes', num_classes, low=1, of=self)
        check_integer('num_points', num_points, low=1, of=self)
        check_integer('num_match_points', num_match_points, low=1,
                      optional=True, of=self)
        check_number('oversample_ratio', oversample_ratio, low=1, of=self)
        check_number('importance_sample_ratio', importance_sample_ratio,
                     low=0, high=1, of=self)
        for name, weight in (('mask_weight', mask_weight),
                             ('dice_weight', dice_weight),
                             ('class_weight', class_weight),
                             ('no_object_weight', no_object_weight)):
            check_number(name, weight, low=0, of=self)
        check_number('class_logit_scale', class_logit_scale, above=0, of=self)
        if num_match_points is None:
            num_match_points = num_points
        self.num_classes = num_classes
        self.num_points = num_points
        self.num_match_points = num_match_points
        self.num_candidates = int(num_points * oversample_ratio)
        self.num_uncertain = int(num_points * importance_sample_ratio)
        self.mask_weight = mask_weight
        self.dice_weight = dice_weight
        self.class_weight = class_weight
        self.class_logit_scale = class_logit_scale
        empty_weight = torch.ones(num_classes + 1)
        empty_weight[-1] = no_object_weight
        self.register_buffer('empty_weight', empty_weight, persistent=False)

    def forward(self,
                mask_logits: Tensor,
                class_logits: Tensor,
                targets: Tensor | MaskTargets,
                uniform: UniformSource | None = None) -> dict[str, Tensor]:
        """Compute the losses of one prediction.

        Args:
            mask_logits: (B, Q, h, w) before the sigmoid.
            class_logits: (B, Q, K + 1), no-object last.
            targets: Label maps (B, H, W) of integers at any resolution, in
                which all ids from K on are background of every mask; or
                ``MaskTargets`` for any masks.
            uniform: See ``forward_layers``.

        Returns:
            ``loss_mask``, ``loss_dice``, ``loss_cls``, float32 scalars that
            hold their weights.
        """
        return self.forward_layers([mask_logits], [class_logits], targets,
                                   uniform)[0]

    def forward_layers(self,
                       mask_logits: Sequence[Tensor] | Tensor,
                       class_logits: Sequence[Tensor] | Tensor,
                       targets: Tensor | MaskTargets,
                       uniform: UniformSource | None = None
                       ) -> list[dict[str, Tensor]]:
        """Compute the losses of several predictions of the same images.

        Args:
            mask_logits: L of (B, Q, h, w), a sequence or one tensor.
            class_logits: L of (B, Q, K + 1).
            targets: As in ``forward``.
            uniform: Samples a shape uniformly from [0, 1); None is
                ``torch.rand``. Called for each prediction with (1,
                num_match_points, 2) per image, then (n, candidates, 2),
                then (n, uniform points, 2).

        Returns:
            L dicts as ``forward`` returns.
        """
        device = mask_logits[0].device
        if isinstance(targets, Tensor):
            targets = SemanticTargets(targets, self.num_classes)
        if uniform is None:
            def uniform(shape: tuple[int, ...]) -> Tensor:
                return torch.rand(shape, device=device)
        num_queries = mask_logits[0].shape[1]
        num_pairs = sum(min(len(ids), num_queries) for ids in targets.present)
        points = [self._sample_points(len(targets.present), num_pairs,
                                      uniform) for _ in mask_logits]
        num_masks = mask_logits[0].new_tensor(num_pairs, dtype=torch.float32)
        all_reduce(num_masks, op='mean')
        num_masks.clamp_(min=1)
        with torch.autocast(device.type, enabled=False):
            layers = list(zip(mask_logits, class_logits, points, strict=True))
            return [
                self._losses(*layer, matches, targets, num_masks)
                for layer, matches in zip(
                    layers, self._match(layers, targets), strict=True)
            ]

    def _sample_points(self, num_images: int, num_pairs: int,
                       uniform: UniformSource) -> _RandomPoints:
        match = [uniform((1, self.num_match_points, 2))
                 for _ in range(num_images)]
        num_uniform = self.num_points - self.num_uncertain
        return _RandomPoints(
            match=torch.cat(match),
            candidates=uniform((num_pairs, self.num_candidates, 2)),
            uniform=uniform((num_pairs, num_uniform, 2)))

    @torch.no_grad()
    def matching_costs(self, mask_logits: Tensor, class_logits: Tensor,
                       targets: MaskTargets, points: Tensor) -> Tensor:
        """Price every pair of a query and a target of each image.

        Args:
            mask_logits: (B, Q, h, w).
            class_logits: (B, Q, K + 1).
            targets: As in ``forward``.
            points: (B, P, 2) at which masks are compared.

        Returns:
            (B, Q, N) float32.
        """
        return torch.stack([
            pairwise_costs(
                _sample_shared(mask_logits[image], points[image]),
                targets.sample(image, points[image]),
                class_logits[image].float(),
                targets.class_labels[image],
                mask_weight=self.mask_weight,
                dice_weight=self.dice_weight,
                class_weight=self.class_weight)
            for image in range(len(mask_logits))
        ])

    def _match(self, layers: list[tuple[Tensor, Tensor, _RandomPoints]],
               targets: MaskTargets) -> list[_Matches]:
        costs = torch.stack([
            self.matching_costs(masks, classes, targets, points.match)
            for masks, classes, points in layers
        ])  # (L, B, Q, N)
        flat = []
        for layer_costs in costs.cpu().numpy():
            pairs = assign(layer_costs, targets.present)
            images = np.repeat(np.arange(len(pairs)),
                               [pair.shape[1] for pair in pairs])
            flat.append(np.vstack((images[None], np.hstack(pairs))))
        indices = torch.from_numpy(np.stack(flat)).to(costs.device)
        return [_Matches(*layer_indices) for layer_indices in indices]

    def _losses(self, mask_logits: Tensor, class_logits: Tensor,
                points: _RandomPoints, matches: _Matches, targets: MaskTargets,
                num_masks: Tensor) -> dict[str, Tensor]:
        matched = mask_logits[matches.images, matches.queries].float()
        with torch.no_grad():
            uncertain = select_uncertain_points(matched, points.candidates,
                                                self.num_uncertain)
            compared = torch.cat((uncertain, points.uniform), dim=1)
            labels = targets.sample_matches(matches.images, matches.targets,
                                            compared)
        logits = sample_points(matched[:, None], compared)[:, 0]  # (n, P)
        bce = F.binary_cross_entropy_with_logits(
            logits, labels, reduction='none').mean(1)
        probs = logits.sigmoid()
        dice = 1 - ((2 * (probs * labels).sum(1) + 1) /
                    (probs.sum(1) + labels.sum(1) + 1))
        return dict(
            loss_mask=self.mask_weight * bce.sum() / num_masks,
            loss_dice=self.dice_weight * dice.sum() / num_masks,
            loss_cls=self.class_weight *
            self._class_loss(class_logits.float(), matches, targets))

    def _class_loss(self, class_logits: Tensor, matches: _Matches,
                    targets: MaskTargets) -> Tensor:
        wanted = class_logits.new_full(
            class_logits.shape[:2], self.num_classes, dtype=torch.long)
        wanted[matches.images, matches.queries] = targets.class_labels[
            matches.images, matches.targets]
        return F.cross_entropy(
            self.class_logit_scale * class_logits.flatten(0, 1),
            wanted.flatten(), self.empty_weight)


def _sample_shared(mask_logits: Tensor, points: Tensor) -> Tensor:
    """Read (Q, h, w) masks at the same (P, 2) points: (Q, P)."""
    # One map an item: PyTorch spreads items, not channels, over CPU cores.
    points = points.expand(len(mask_logits), -1, -1)
    return sample_points(mask_logits.float()[:, None], points)[:, 0]
