"""IsoMax+: classes as directions, logits as distances to them.

Shape letters: C classes (the known ones K and no-object), D channels, B
images, Q queries, ... any arrangement of features.
"""
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.logging import MMLogger
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...checks import check_integer, check_number
from ..scoring.evidence import CLOSENESS

FARTHEST = 2.0
"""Distance between opposite directions."""


@MODELS.register_module()
class IsoMaxPlusClassifier(nn.Module):
    """A class head whose logits are scaled distances between directions.

    ``z_c = -|d_s| * || f / ||f|| - p_c / ||p_c|| ||``, with the prototypes
    p_c sampled from N(0, 1) and the learnable distance scale d_s = 1. In
    training the class loss takes the logits times ``entropic_scale``; the
    ``EoMTDecodeHead`` passes that scale to the criterion. Matching, other
    losses and testing take them as they are.

    One image has one feature in the paper, and its class is the nearest,
    whatever the scale. S_c = sum_q sigmoid(m_q) p_qc adds up queries, and
    without a scale p is nearly uniform: all queries without an object leak
    into S. ``evidence_scale`` sharpens p there. The score ``min_distance``
    does not depend on it.

    When a checkpoint with a linear class head is loaded, the rows of its
    weight become the prototypes, because a fine-tuning would not get anywhere
    from random ones. The bias is dropped and d_s keeps its value; this is
    logged.

    Args:
        in_features: D.
        out_features: C.
        entropic_scale: E_s > 0.
        evidence_scale: Factor > 0 of the logits within S, in training
            (``outlier_losses``) and testing: 1 as the paper tests, or E_s.

    Raises:
        ValueError: If a scale is not positive.

    Example:
        >>> decode_head=dict(
        ...     type='EoMTDecodeHead',
        ...     class_head=dict(type='IsoMaxPlusClassifier'), ...)
        >>> test_cfg=dict(scorer=['min_distance', 'rba'])

    Source: Macedo and Ludermir, Enhanced Isotropy Maximization Loss, arXiv
    2105.14399; numbers as its authors' ``isomaxplus.py``.
    Differs: the class loss takes softmax and logarithm in one stable step;
    prototypes from a linear head.
    """

    evidence_names = (CLOSENESS, )

    def __init__(self,
                 in_features: int,
                 out_features: int,
                 entropic_scale: float = 10.0,
                 evidence_scale: float = 1.0) -> None:
        super().__init__()
        check_integer('in_features', in_features, low=1, of=self)
        check_integer('out_features', out_features, low=1, of=self)
        check_number('entropic_scale', entropic_scale, above=0, of=self)
        check_number('evidence_scale', evidence_scale, above=0, of=self)
        self.entropic_scale = entropic_scale
        self.evidence_scale = evidence_scale
        self.prototypes = nn.Parameter(torch.empty(out_features, in_features))
        self.distance_scale = nn.Parameter(torch.ones(1))
        nn.init.normal_(self.prototypes)
        self.register_load_state_dict_pre_hook(_take_linear)

    @property
    def criterion_args(self) -> dict[str, float]:
        """Arguments that the criterion of the head needs."""
        return {'class_logit_scale': self.entropic_scale}

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (..., C) of features (..., D).

        They are float32 (float64 for float64) in [-2 |d_s|, 0].
        """
        dtype = torch.promote_types(features.dtype, torch.float32)
        with torch.autocast(features.device.type, enabled=False):
            distances = torch.cdist(
                F.normalize(features.to(dtype), dim=-1),
                F.normalize(self.prototypes.to(dtype), dim=-1),
                # the other mode squares, and has no digits left near 0
                compute_mode='donot_use_mm_for_euclid_dist')
            return -self.distance_scale.abs() * distances

    def query_evidence(self, class_logits: Tensor) -> dict[str, Tensor]:
        """Measure how close queries are to a class that they may be.

        ``closeness_q = v_q * (2 - min_{c<=K} d_qc)``: d are the distances
        between directions, in [0, 2], and v = 1 - softmax(E_s z)_no-object
        is the probability, as it was trained for, that the query is an
        object at all.

        Args:
            class_logits: (B, Q, K + 1) as :meth:`forward` returns them.

        Returns:
            ``closeness`` (B, Q) in [0, 2].

        Source: ours; the paper has one feature for each image, and no
        class for nothing.
        """
        tiny = torch.finfo(class_logits.dtype).tiny
        scale = self.distance_scale.abs().clamp(min=tiny)
        nearest = -class_logits[..., :-1].amax(-1) / scale
        probs = (self.entropic_scale * class_logits).softmax(-1)
        return {CLOSENESS: (1 - probs[..., -1]) * (FARTHEST - nearest)}


def _take_linear(classifier: IsoMaxPlusClassifier,
                 state_dict: dict[str, Tensor], prefix: str,
                 *_: Any) -> None:
    """Rename what a linear class head has stored."""
    weight = state_dict.pop(prefix + 'weight', None)
    if weight is None:
        return
    state_dict.pop(prefix + 'bias', None)
    state_dict[prefix + 'prototypes'] = weight
    state_dict[prefix + 'distance_scale'] = classifier.distance_scale.detach()
    MMLogger.get_current_instance().info(
        f'{prefix}prototypes of IsoMax+ start from the weight of a linear '
        'class head')
