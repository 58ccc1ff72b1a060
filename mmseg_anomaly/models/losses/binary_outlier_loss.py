"""BinaryOutlierLoss: binary cross-entropy on the energy of a pixel."""
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor

from ...checks import check_number
from ..scoring.scorers import energy
from .outlier_loss import OutlierLoss


@MODELS.register_module()
class BinaryOutlierLoss(OutlierLoss):
    """Binary cross-entropy of a logistic classifier on the energy.

    With E = ``-T logsumexp_c(z_c / T)``, the score ``energy``, a pixel is
    an outlier with the probability ``sigmoid((E - threshold) / T)``. That
    is what a further class of the constant logit ``-threshold`` gets from
    the softmax. ``(mean_in -log(1 - p) + mean_out -log p) / 2``: unlike a
    hinge it never lets go, and p is calibrated for as many outlier pixels
    as others.

    Scores S of a mask classifier lie near [0, 1]; there T = 0.1 and a
    threshold of -0.5 separate them at S of about 0.5 (K = 19: p = 0.89
    where all queries reject a pixel, 0.007 where one class owns it).

    Args:
        threshold: Energy at which both are equally likely.
        temperature: T > 0; give the scorer the same.
        loss_weight: Factor of the sum.
        loss_name: Key in the log.

    Raises:
        ValueError: If the temperature is not positive.

    Example:
        >>> # plain logits
        >>> model=dict(outlier_losses=[dict(type='BinaryOutlierLoss')])
        >>> # EoMT
        >>> dict(type='BinaryOutlierLoss', threshold=-0.5, temperature=0.1)

    Source: Du et al., VOS: Learning What You Don't Know by Virtual Outlier
    Synthesis, arXiv 2202.01197; differs: the threshold is given, not
    learnt; the outliers are real; balanced.
    """

    def __init__(self,
                 threshold: float = 0.0,
                 temperature: float = 1.0,
                 loss_weight: float = 0.1,
                 loss_name: str = 'loss_outlier') -> None:
        super().__init__(loss_weight, loss_name)
        check_number('threshold', threshold, of=self)
        check_number('temperature', temperature, above=0, of=self)
        self.threshold = threshold
        self.temperature = temperature

    def pixel_scores(self, logits: Tensor) -> Tensor:
        return energy({'seg_logits': logits}, self.temperature)[:, 0]

    def pixel_costs(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        logit = (scores - self.threshold) / self.temperature
        return F.softplus(logit) / 2, F.softplus(-logit) / 2
