"""Train any decode head, with outlier losses on its logits.

Shape letters: B images, K classes, H, W the label.
"""
from collections.abc import Collection, Iterable, Sequence
from functools import cached_property

import torch
from mmengine.structures import PixelData
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import resize
from mmseg.utils import OptConfigType, SampleList, add_prefix
from torch import Tensor, nn

from ...labels import split_outliers
from ..interfaces import (
    OutlierAwareHead,
    OutlierCriterion,
    enlarges_scores,
    learns_anomalies,
    reads_reserved_labels,
)
from ..losses.argument_checks import check_loss_names


def check_outlier_losses(losses: Iterable[OutlierCriterion],
                         head: nn.Module) -> None:
    """Check that outlier losses have names and a head that serves them.

    Args:
        losses: Entries of ``outlier_losses``, built.
        head: The decode head.

    Raises:
        ValueError: If two losses share a name, or one lacks 'loss' in it.
        TypeError: If the head neither keeps ``BaseDecodeHead.loss`` nor
            offers ``loss_with_evidence``.
    """
    names = [loss.loss_name for loss in losses]
    check_loss_names('outlier_losses', names)
    keeps_loss = (isinstance(head, BaseDecodeHead)
                  and type(head).loss is BaseDecodeHead.loss)
    if names and not keeps_loss and not isinstance(head, OutlierAwareHead):
        raise TypeError(
            '`outlier_losses` need the logits of the training pass, and '
            f'{type(head).__name__} computes its loss in a way of its own; '
            'use a head that keeps BaseDecodeHead.loss or give it '
            'loss_with_evidence()')


class OutlierLosses(nn.ModuleList):
    """The losses in ``outlier_losses``."""

    @property
    def learns_anomalies(self) -> bool:
        """Whether one of them learns from labelled anomalies."""
        return any(learns_anomalies(loss, default=True) for loss in self)


class SplitBatch:
    """The samples of a batch, whose labels are split once somebody asks.

    Args:
        data_samples: B samples with ``gt_sem_seg`` (1, H, W) as stored; they
            stay as they are.
    """

    def __init__(self, data_samples: SampleList) -> None:
        self._stored = data_samples

    def samples_for(self, head: nn.Module) -> SampleList:
        """Return the samples as a head reads them.

        Returns:
            The stored ones, or copies whose ``gt_sem_seg`` is the semantic
            label: class ids and 255.
        """
        if reads_reserved_labels(head):
            return self._stored
        return self._semantic_samples

    @cached_property
    def anomaly_label(self) -> Tensor:
        """(B, H, W) of 0, 1 and 255."""
        return torch.cat([anomaly for _, anomaly in self._labels])

    @cached_property
    def _labels(self) -> list[tuple[Tensor, Tensor]]:
        return [split_outliers(sample.gt_sem_seg.data)
                for sample in self._stored]

    @cached_property
    def _semantic_samples(self) -> SampleList:
        copies = [sample.new() for sample in self._stored]
        for copy, (semantic, _) in zip(copies, self._labels, strict=True):
            copy.set_data({'gt_sem_seg': PixelData(data=semantic)})
        return copies


def decode_losses(head: nn.Module, feats: Sequence[Tensor],
                  samples: SampleList, train_cfg: OptConfigType,
                  with_logits: bool) -> tuple[dict, Tensor | None]:
    """Compute a decode head's losses in one forward pass.

    Args:
        head: The decode head.
        feats: Output of backbone and neck.
        samples: The samples it understands.
        train_cfg: Passed to the head.
        with_logits: Whether the logits of that pass are wanted.

    Returns:
        The losses, and ``seg_logits`` (B, K, h, w) or None.

    Raises:
        TypeError: If logits are wanted of a head that gives several.
    """
    if not with_logits:
        return head.loss(feats, samples, train_cfg), None
    if isinstance(head, OutlierAwareHead):
        return head.loss_with_evidence(feats, samples, train_cfg)
    seg_logits = head.forward(feats)
    if not isinstance(seg_logits, Tensor):
        raise TypeError(
            '`outlier_losses` need one map of logits, '
            f'{type(head).__name__} gives a {type(seg_logits).__name__} in '
            'training; use another head')
    return head.loss_by_feat(seg_logits, samples), seg_logits


def auxiliary_losses(heads: nn.Module, feats: Sequence[Tensor],
                     batch: SplitBatch,
                     train_cfg: OptConfigType) -> dict[str, Tensor]:
    """Compute the losses of auxiliary heads.

    Args:
        heads: One head or a ``ModuleList`` of heads.
        feats: Output of backbone and neck.
        batch: The samples.
        train_cfg: Passed to the heads.

    Returns:
        Losses named ``aux.*`` of one head, ``aux_<i>.*`` of several.
    """
    named = ([(f'aux_{i}', head) for i, head in enumerate(heads)]
             if isinstance(heads, nn.ModuleList) else [('aux', heads)])
    losses = {}
    for prefix, head in named:
        own = head.loss(feats, batch.samples_for(head), train_cfg)
        losses |= add_prefix(own, prefix)
    return losses


def outlier_losses(losses: Collection[OutlierCriterion], seg_logits: Tensor,
                   anomaly_label: Tensor,
                   align_corners: bool) -> dict[str, Tensor]:
    """Call every outlier loss on logits enlarged to the label.

    A loss that declares ``enlarges_scores = True`` gets the logits as they
    are, unless corners are aligned: enlarged, they are the largest thing
    that outlier losses keep for backward.

    Args:
        losses: Called as ``loss(seg_logits, anomaly_label)``.
        seg_logits: (B, K, h, w).
        anomaly_label: (B, H, W) of 0, 1 and 255.
        align_corners: As the head enlarges its own logits.

    Returns:
        ``outlier.<loss_name>`` -> scalar.
    """
    as_they_are = [
        not align_corners and enlarges_scores(loss) for loss in losses
    ]
    enlarged = seg_logits if all(as_they_are) else resize(
        seg_logits,
        size=anomaly_label.shape[1:],
        mode='bilinear',
        align_corners=align_corners,
        warning=False)  # (B, K, H, W)
    return {
        f'outlier.{loss.loss_name}': loss(
            seg_logits if small else enlarged, anomaly_label)
        for loss, small in zip(losses, as_they_are, strict=True)
    }
