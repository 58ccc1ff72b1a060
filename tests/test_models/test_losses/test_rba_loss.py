import math

import pytest
import torch

from mmseg_anomaly.models.losses import RbALoss


def pixels(*scores):
    """S (1, 2, n) whose first class has a tanh of minus the score."""
    first = torch.tensor([[math.atanh(-s) for s in scores]])
    return torch.stack((first, torch.zeros_like(first)), dim=1)


def test_rba_loss__hand_computed():
    logits = pixels(-0.8, -0.5, -0.6, -0.05)
    label = torch.tensor([[0, 0, 1, 1]])
    # relu(s + 0.7)^2: 0, 0.04; relu(-0.1 - s)^2: 0.25, 0
    assert RbALoss(loss_weight=2.)(logits, label).item() == pytest.approx(
        2 * (0.04 / 2 + 0.25 / 2) / 2, rel=1e-5)


def test_rba_loss__adds_the_classes():
    logits = torch.full((1, 3, 1), math.atanh(0.2))
    # the score is -0.6
    assert RbALoss()(logits, torch.tensor([[1]])).item() == pytest.approx(
        0.5**2 / 2, rel=1e-5)


def test_rba_loss__released_bounds_never_see_an_inlier():
    released = RbALoss(inlier_upper=0., outlier_lower=5.)
    logits = (10 * torch.rand(1, 19, 64)**4).requires_grad_()  # S >= 0
    loss = released(logits, torch.zeros(1, 64, dtype=torch.long))
    loss.backward()
    assert loss == 0
    assert logits.grad.eq(0).all()
    # and an outlier that all reject still costs (5 - 0)^2 / 2
    rejected = torch.zeros(1, 19, 1)
    assert released(rejected, torch.tensor([[1]])) == 12.5


def test_rba_loss__default_bounds_act_and_can_be_satisfied():
    loss = RbALoss()
    claimed = torch.zeros(1, 19, 1)
    claimed[:, 3] = 1.  # one certain query
    inlier, outlier = torch.tensor([[0]]), torch.tensor([[1]])
    assert loss(claimed, inlier) == loss(torch.zeros(1, 19, 1), outlier) == 0
    assert loss(claimed, outlier) > 0.2
    assert loss(torch.zeros(1, 19, 1), inlier) > 0.2
    # the defaults of the released code ask for more than one claim
    assert RbALoss(-1.0, -0.1)(claimed, inlier) > 0.02


@pytest.mark.parametrize('bounds', [(0., 0.), (1., -1.)])
def test_rba_loss__bounds_must_rise(bounds):
    with pytest.raises(ValueError, match='`inlier_upper` of RbALoss must be '
                                         f'below .* got {bounds[0]} and'):
        RbALoss(*bounds)
