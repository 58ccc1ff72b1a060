"""EnergyHingeLoss: squared hinges on the energy of a pixel."""
from mmseg.registry import MODELS
from torch import Tensor

from ...checks import check_number
from ..scoring.scorers import energy
from .argument_checks import check_bounds
from .outlier_loss import OutlierLoss, squared_hinges


@MODELS.register_module()
class EnergyHingeLoss(OutlierLoss):
    """Squared hinges on ``E = -T logsumexp_c(z_c / T)``, the score ``energy``.

    ``(mean_in relu(E - inlier_upper)^2 + mean_out relu(outlier_lower -
    E)^2) / 2``. The default bounds are made for plain logits.

    Scores S of a mask classifier lie near [0, 1]: a rejected pixel has
    E = -T log K, one that a single class owns -T log(e^(1/T) + K - 1). With
    T = 1 and K = 19 that is -2.94 and -3.03: the default bounds would ask
    of in-distribution pixels what no S reaches, and nothing of outliers.
    T = 0.1 spreads them to -0.29 and -1.00.

    Args:
        inlier_upper: In-distribution pixels cost above it.
        outlier_lower: Outliers cost below it.
        temperature: T > 0; give the scorer the same.
        loss_weight: Factor of the sum.
        loss_name: Key in the log.

    Raises:
        ValueError: If the bounds are not in rising order, or the
            temperature is not positive.

    Example:
        >>> # plain logits
        >>> model=dict(outlier_losses=[dict(type='EnergyHingeLoss')])
        >>> # EoMT
        >>> dict(type='EnergyHingeLoss', inlier_upper=-0.9,
        ...      outlier_lower=-0.4, temperature=0.1, loss_weight=1.0)

    Source: the energy-bounded learning of Liu et al., Energy-based
    Out-of-distribution Detection, arXiv 2010.03759; bounds, halves and
    weight as in PEBAL, arXiv 2111.12264, tianyu0207/PEBAL. Differs: the
    temperature.
    """

    def __init__(self,
                 inlier_upper: float = -12.0,
                 outlier_lower: float = -6.0,
                 temperature: float = 1.0,
                 loss_weight: float = 0.1,
                 loss_name: str = 'loss_energy') -> None:
        super().__init__(loss_weight, loss_name)
        check_bounds(inlier_upper, outlier_lower, self)
        check_number('temperature', temperature, above=0, of=self)
        self.inlier_upper = inlier_upper
        self.outlier_lower = outlier_lower
        self.temperature = temperature

    def pixel_scores(self, logits: Tensor) -> Tensor:
        return energy({'seg_logits': logits}, self.temperature)[:, 0]

    def pixel_costs(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        return squared_hinges(scores, self.inlier_upper, self.outlier_lower)
