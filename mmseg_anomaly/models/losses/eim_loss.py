"""EIMLoss: a penalty on confident classifications.

Shape letters: B images, Q queries, C size of the class axis, H and W rows
and columns of pixels, N items of any arrangement.
"""
import math

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...checks import check_number, check_text


def confidence_penalty(logits: Tensor,
                       temperature: float = 1.0,
                       dim: int = -1) -> Tensor:
    r"""Return how far the largest probability is above a uniform one.

    .. math::
        -\log \frac{\sum_c e^{z_c/t}}{C \max_c e^{z_c/t}}
        = \log C + \log p_{\max},

    computed as ``log C - logsumexp((z - max z) / t)``, so that no logit
    overflows. Its gradient, ``(1[c is largest] - p_c) / t``, is finite
    wherever ``1 / t`` is; equal largest logits share it.

    Args:
        logits: Any shape, finite. Half precision is raised to float32.
        temperature: t > 0.
        dim: The class axis.

    Returns:
        Shape of ``logits`` without ``dim``, float32 (float64 for float64),
        in [0, log C]; 0 where all classes are equally likely.
    """
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    below = logits - logits.amax(dim, keepdim=True)
    return (math.log(logits.shape[dim]) -
            (below / temperature).logsumexp(dim))


@MODELS.register_module()
class EIMLoss(nn.Module):
    """Punish confident classifications, whatever the label.

    The mean of ``confidence_penalty``. It needs no labels and pulls against
    the cross-entropy. Unlike IsoMax+ (arXiv:2105.14399), to which the name
    "enhanced isotropy maximisation" is often traced, it uses neither
    distances nor prototypes: that method replaces the classifier and leaves
    the loss as it is.

    Args:
        temperature: Divides the logits, > 0. A small one looks at the
            largest logits only and raises the gradient by its inverse.
        loss_weight: Factor of the mean.
        loss_name: Key in the log; must hold 'loss' to be trained on.

    Raises:
        ValueError: If ``temperature`` is not positive.

    Example:
        >>> loss_decode=[
        ...     dict(type='CrossEntropyLoss'),
        ...     dict(type='EIMLoss', temperature=1.0, loss_weight=0.1)]

    Source: the course project's ``enhanced_isotropy_loss.py`` for the
    formula; differs: overflow-free form.
    """

    learns_anomalies = False

    def __init__(self,
                 temperature: float = 1.0,
                 loss_weight: float = 0.1,
                 loss_name: str = 'loss_eim') -> None:
        super().__init__()
        check_number('temperature', temperature, above=0, of=self)
        check_number('loss_weight', loss_weight, low=0, of=self)
        check_text('loss_name', loss_name, of=self)
        self.temperature = temperature
        self.loss_weight = loss_weight
        self.loss_name = loss_name

    def forward(self,
                pred: Tensor,
                target: Tensor | None = None,
                weight: Tensor | None = None,
                ignore_index: int = 255) -> Tensor:
        """Average the penalty over all items that are not ignored.

        Args:
            pred: Logits. Query logits (B, Q, C) without ``target``: class
                axis last. Pixel logits (B, C, H, W), and with ``target`` any
                (N, C, ...): class axis 1, as in ``F.cross_entropy``.
            target: (N, ...) integers; only ``ignore_index`` is looked at.
            weight: Factors of the shape of ``target``; they do not enter
                the count the sum is divided by.
            ignore_index: Items of this target leave sum and count.

        Returns:
            A scalar; 0 with a gradient of 0 if nothing is left.

        Raises:
            ValueError: If ``target`` or ``weight`` does not fit ``pred``.
        """
        queries = pred.dim() == 3 and target is None
        penalty = confidence_penalty(pred, self.temperature,
                                     2 if queries else 1)
        count = penalty.numel()
        if weight is not None:
            _check_shape('weight', weight, penalty)
            penalty = penalty * weight
        if target is not None:
            _check_shape('target', target, penalty)
            valid = target != ignore_index
            penalty, count = penalty * valid, valid.sum().clamp(min=1)
        return self.loss_weight * penalty.sum() / count


def _check_shape(name: str, tensor: Tensor, penalty: Tensor) -> None:
    if tensor.shape != penalty.shape:
        raise ValueError(f'`{name}` of EIMLoss must have the shape of `pred` '
                         f'without its class axis, {tuple(penalty.shape)}, '
                         f'got {tuple(tensor.shape)}')
