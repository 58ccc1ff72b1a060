"""Contracts between the parts of a model, and their defaults.

A part of your own need not inherit from these classes: it fits if it has
what they list. Inheriting supplies the defaults. The source of cut-outs is a
contract as well; it stands next to ``Cutout`` in ``datasets/outliers``,
because models and datasets never import each other.

Shape letters: B images, K classes, Q queries, c channels of one kind of
evidence, h, w logits, H, W the input.
"""
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from mmseg.utils import OptConfigType, SampleList
from torch import Tensor, nn

from .scoring.evidence import SEG_LOGITS


@runtime_checkable
class _PredictsEvidence(Protocol):

    def predict_evidence(self, feats: Any, batch_img_metas: Sequence[dict],
                         test_cfg: OptConfigType) -> dict[str, Tensor]:
        """Return evidence by name, each (B, c, H, W) in the input's size.

        ``seg_logits`` (B, K, H, W) must be among it.
        """
        ...


@runtime_checkable
class EvidenceHead(_PredictsEvidence, Protocol):
    """A decode head that gives evidence about each pixel to scorers.

    Attributes:
        is_mask_classifier: Whether ``seg_logits`` are scores S >= 0 of a
            mask classifier rather than plain logits.
        evidence_names: Keys of the dict that ``predict_evidence`` returns.
    """

    is_mask_classifier: bool = False
    evidence_names: tuple[str, ...] = (SEG_LOGITS, )


class PlainLogitsHead(EvidenceHead):
    """The evidence of a head that knows ``predict`` only: its logits."""

    def __init__(self, head: nn.Module) -> None:
        self.head = head

    def predict_evidence(self, feats: Any, batch_img_metas: Sequence[dict],
                         test_cfg: OptConfigType) -> dict[str, Tensor]:
        logits = self.head.predict(feats, batch_img_metas, test_cfg)
        return {SEG_LOGITS: logits}


def as_evidence_head(head: nn.Module) -> EvidenceHead:
    """Return a head that gives evidence, or the view of one that does not.

    Raises:
        TypeError: If it has ``predict_evidence`` but not the attributes.
    """
    if isinstance(head, EvidenceHead):
        return head
    if isinstance(head, _PredictsEvidence):
        raise TypeError(
            f'{type(head).__name__} has predict_evidence() and must have '
            '`is_mask_classifier` and `evidence_names` as well; inherit '
            'from mmseg_anomaly.models.interfaces.EvidenceHead for their '
            'defaults')
    return PlainLogitsHead(head)


def check_evidence_size(head: nn.Module, evidence: Mapping[str, Tensor],
                        size_hw: Sequence[int]) -> None:
    """Raise a ``ValueError`` if evidence has not the size of the input."""
    for name, values in evidence.items():
        if tuple(values.shape[-2:]) != tuple(size_hw):
            raise ValueError(
                f'{type(head).__name__} must enlarge its evidence to the '
                f'window: expected {name!r} of size {tuple(size_hw)}, got '
                f'{tuple(values.shape[-2:])}')


@runtime_checkable
class OutlierAwareHead(Protocol):
    """A head that computes its own loss and serves outlier losses, too."""

    def loss_with_evidence(
            self, feats: Any, batch_data_samples: SampleList,
            train_cfg: OptConfigType) -> tuple[dict[str, Tensor], Tensor]:
        """Return the losses by name, and ``seg_logits`` (B, K, h, w)."""
        ...


@runtime_checkable
class LabelReader(Protocol):
    """A head that may read the reserved labels of pasted outliers.

    Attributes:
        reads_reserved_labels: If True its samples hold ``gt_sem_seg`` as
            stored. Other heads get class ids and 255.
    """

    reads_reserved_labels: bool


def reads_reserved_labels(head: nn.Module) -> bool:
    """Whether a head wants labels as stored; False by default."""
    return isinstance(head, LabelReader) and head.reads_reserved_labels


@runtime_checkable
class AnomalyLearner(Protocol):
    """A head or loss that says whether it learns from labelled anomalies.

    Attributes:
        learns_anomalies: If True, training without any is refused.
    """

    learns_anomalies: bool


def learns_anomalies(module: nn.Module, default: bool = False) -> bool:
    """Whether a module learns from anomalies, or the default."""
    return (module.learns_anomalies if isinstance(module, AnomalyLearner)
            else default)


@runtime_checkable
class ClassHead(Protocol):
    """The module that turns queries (B, Q, D) into logits (B, Q, K + 1).

    Attributes:
        evidence_names: Keys of the dict that ``query_evidence`` returns.
        criterion_args: Arguments that the criterion needs with it.
        evidence_scale: Factor of the logits within the evidence.
    """

    evidence_names: tuple[str, ...] = ()
    criterion_args: Mapping[str, Any] = {}
    evidence_scale: float = 1.0

    def query_evidence(self, class_logits: Tensor) -> dict[str, Tensor]:
        """Return further values (B, Q) of the queries by name."""
        return {}


class LinearClassHead(nn.Linear, ClassHead):
    """A linear layer that adds nothing to evidence or criterion."""


def as_class_head(module: nn.Module) -> ClassHead:
    """Return a module that is a class head.

    Raises:
        TypeError: If it lacks a part of the contract.
    """
    if not isinstance(module, ClassHead):
        raise TypeError(
            f'`class_head` {type(module).__name__} must be a ClassHead; '
            'inherit from mmseg_anomaly.models.interfaces.ClassHead, whose '
            'defaults are those of a linear layer')
    return module


class OutlierCriterion(Protocol):
    """A loss in ``outlier_losses``.

    It learns from labelled anomalies unless it declares
    ``learns_anomalies = False``, see :class:`AnomalyLearner`.

    Attributes:
        loss_name: Key in the log; contains 'loss'.
    """

    loss_name: str

    def __call__(self, seg_logits: Tensor, anomaly_label: Tensor) -> Tensor:
        """Return a scalar from (B, K, H, W) and (B, H, W) of 0, 1, 255."""
        ...


@runtime_checkable
class ScoreEnlarger(Protocol):
    """A loss that may enlarge its scores by itself.

    Attributes:
        enlarges_scores: If True it takes logits (B, K, h, w) of any size.
    """

    enlarges_scores: bool


def enlarges_scores(loss: nn.Module) -> bool:
    """Whether a loss takes small logits; False by default."""
    return isinstance(loss, ScoreEnlarger) and loss.enlarges_scores


@runtime_checkable
class AnnealedHead(Protocol):
    """A module whose attention masks are annealed.

    It also holds ``attn_mask_probs``, one for each joint block: a buffer,
    which ``isinstance`` does not see from Python 3.12 on.
    """

    def set_attn_mask_probs(self, probs: Sequence[float]) -> None:
        """Set how often each joint block masks the attention of a query."""
        ...


@runtime_checkable
class VitParamOwner(Protocol):
    """A module that knows to which block of a ViT a parameter belongs."""

    def get_layer_depth(self, param_name: str,
                        prefix: str = '') -> tuple[int, int]:
        """Return ``(block, number of blocks)``."""
        ...

    def is_backbone_param(self, param_name: str, prefix: str = '') -> bool:
        """Whether the parameter is part of the pretrained ViT."""
        ...
