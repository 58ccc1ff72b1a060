"""How a segmentor trains heads that have never heard of outliers.

Shape letters: B images, K classes, H, W the label.
"""
from collections.abc import Collection, Iterable, Sequence

import torch
from mmengine.structures import PixelData
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.utils import resize
from mmseg.utils import OptConfigType, SampleList
from torch import Tensor, nn

from ...labels import split_outliers
from ..interfaces import (
    OutlierAwareHead,
    enlarges_scores,
    reads_reserved_labels,
)
from ..losses.checks import check_loss_names


def check_outlier_losses(losses: Iterable[nn.Module],
                         head: nn.Module) -> None:
    """Check that outlier losses have names and a head that serves them.

    Args:
        losses: Each has a ``loss_name``.
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


def split_samples(data_samples: SampleList) -> tuple[SampleList, Tensor]:
    """Split the stored labels of a batch.

    Args:
        data_samples: B samples with ``gt_sem_seg`` (1, H, W) as stored;
            they stay as they are.

    Returns:
        Copies whose ``gt_sem_seg`` is the semantic label, and the anomaly
        label (B, H, W) of 0, 1 and 255.
    """
    semantic_samples, anomaly_labels = [], []
    for sample in data_samples:
        semantic, anomaly = split_outliers(sample.gt_sem_seg.data)
        copy = sample.new()
        copy.set_data({'gt_sem_seg': PixelData(data=semantic)})
        semantic_samples.append(copy)
        anomaly_labels.append(anomaly)  # (1, H, W)
    return semantic_samples, torch.cat(anomaly_labels)


def samples_for(head: nn.Module, data_samples: SampleList,
                semantic_samples: SampleList) -> SampleList:
    """Choose the samples a head understands."""
    if reads_reserved_labels(head):
        return data_samples
    return semantic_samples


def decode_losses(head: nn.Module, feats: Sequence[Tensor],
                  samples: SampleList, train_cfg: OptConfigType,
                  with_logits: bool) -> tuple[dict, Tensor | None]:
    """Compute a decode head's losses in one forward pass.

    Args:
        head: The decode head.
        feats: What backbone and neck return.
        samples: The samples it understands.
        train_cfg: Handed on to the head.
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


def outlier_losses(losses: Collection[nn.Module], seg_logits: Tensor,
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
