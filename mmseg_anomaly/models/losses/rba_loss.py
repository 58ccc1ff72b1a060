"""RbALoss: squared hinges on the score "rejected by all"."""
from mmseg.registry import MODELS
from torch import Tensor

from ..scoring.scorers import rba
from .argument_checks import check_bounds
from .outlier_loss import OutlierLoss, squared_hinges


@MODELS.register_module()
class RbALoss(OutlierLoss):
    """Squared hinges on ``s = -sum_c tanh(S_c)``, the score ``rba``.

    ``(mean_in relu(s - inlier_upper)^2 + mean_out relu(outlier_lower -
    s)^2) / 2``. A mask classifier has S >= 0, hence -K <= s <= 0. So

    - with the released bounds 0.0 and 5.0 the first term is 0 for every
      input: in-distribution pixels are never looked at. The second one is
      never satisfied either: at its best, s = 0, it still costs 12.5, and
      it pushes every outlier with a force of at least 5;
    - with the bounds -1.0 and -0.1 (the defaults of the released code) a
      pixel that one query claims with certainty still costs: tanh(1) =
      0.76, s = -0.76. The first term then asks for a second claim;
    - the defaults here lie within what one query reaches, so that both
      terms act and both can be satisfied.

    Plain logits have either sign, s lies in [-K, K] and all bounds act.

    Args:
        inlier_upper: In-distribution pixels cost above it.
        outlier_lower: Outliers cost below it.
        loss_weight: Factor of the sum.
        loss_name: Key in the log.

    Raises:
        ValueError: If the bounds are not in rising order.

    Example:
        >>> model=dict(outlier_losses=[dict(type='RbALoss')])
        >>> # as released
        >>> dict(type='RbALoss', inlier_upper=0.0, outlier_lower=5.0)

    Source: Nayal et al., RbA: Segmenting Unknown Regions Rejected by All,
    arXiv 2211.14293; both hinges and the bounds as NazirNayal8/RbA@cf263d5.
    Differs: the default bounds; the last prediction only; s is enlarged to
    the label with pixel centres, not corners, in place.
    """

    def __init__(self,
                 inlier_upper: float = -0.7,
                 outlier_lower: float = -0.1,
                 loss_weight: float = 1.0,
                 loss_name: str = 'loss_rba') -> None:
        super().__init__(loss_weight, loss_name)
        check_bounds(inlier_upper, outlier_lower, self)
        self.inlier_upper = inlier_upper
        self.outlier_lower = outlier_lower

    def pixel_scores(self, logits: Tensor) -> Tensor:
        return rba({'seg_logits': logits})[:, 0]

    def pixel_costs(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        return squared_hinges(scores, self.inlier_upper, self.outlier_lower)
