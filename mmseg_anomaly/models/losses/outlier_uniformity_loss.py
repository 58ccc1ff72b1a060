"""OutlierUniformityLoss: all classes should be equally likely on outliers.

Shape letters: N images, C classes, ... any arrangement of pixels.
"""
import math

import torch
from mmseg.registry import MODELS
from torch import Tensor

from ...checks import check_choice, check_number
from .outlier_loss import OutlierLoss

MEASURES = ('kl', 'entropy')


@MODELS.register_module()
class OutlierUniformityLoss(OutlierLoss):
    """How far classes on outliers are from uniform; other pixels are free.

    With p = softmax(z / T) over C classes the mean over outliers of

    - 'kl': ``-log C - mean_c log p_c`` = KL(uniform || p), which is the
      cross-entropy to a uniform target but for the constant log C;
    - 'entropy': ``log C + sum_c p_c log p_c`` = KL(p || uniform), at most
      log C: entropy is maximised, and a class that is already ruled out
      stays so.

    Both are 0 where p is uniform: logits that are equal, or a mask
    classifier's scores S where every query rejects the pixel. Such S lie
    near [0, 1] and softmax(S) is flat anywhere: divide them by T = 0.1.

    Args:
        measure: 'kl' or 'entropy'.
        temperature: T > 0; give the scorer the same.
        loss_weight: Factor of the mean.
        loss_name: Key in the log.

    Raises:
        ValueError: If the measure is unknown or the temperature is not
            positive.

    Example:
        >>> # plain logits
        >>> model=dict(outlier_losses=[dict(type='OutlierUniformityLoss')])
        >>> # EoMT
        >>> dict(type='OutlierUniformityLoss', temperature=0.1)

    Source: 'kl' Hendrycks et al., Deep Anomaly Detection with Outlier
    Exposure, arXiv 1812.04606, also the weight; 'entropy' after Chan et
    al., Entropy Maximization and Meta Classification, arXiv 2012.06575.
    Differs: less the constant; the temperature.
    """

    def __init__(self,
                 measure: str = 'kl',
                 temperature: float = 1.0,
                 loss_weight: float = 0.5,
                 loss_name: str = 'loss_uniformity') -> None:
        super().__init__(loss_weight, loss_name)
        check_choice('measure', measure, MEASURES, of=self)
        check_number('temperature', temperature, above=0, of=self)
        self.measure = measure
        self.temperature = temperature

    def pixel_scores(self, logits: Tensor) -> Tensor:
        log_probs = torch.log_softmax(logits / self.temperature, dim=1)
        log_size = math.log(logits.shape[1])
        if self.measure == 'kl':
            return -log_size - log_probs.mean(1)
        return log_size + (log_probs.exp() * log_probs).sum(1)

    def pixel_costs(self, scores: Tensor) -> tuple[None, Tensor]:
        return None, scores
