import math

import pytest
import torch

from mmseg_anomaly.models.losses import BinaryOutlierLoss


def test_binary_outlier_loss__hand_computed():
    # exp: 3 and 1, and 1 for the outlier: p = 1 / 5
    logits = torch.tensor([math.log(3), 0.]).view(1, 2, 1).repeat(1, 1, 2)
    expected = (-math.log(4 / 5) - math.log(1 / 5)) / 2
    loss = BinaryOutlierLoss(loss_weight=1.)
    assert loss(logits, torch.tensor([[0, 1]])).item() == pytest.approx(
        expected, rel=1e-5)


@pytest.mark.parametrize(('threshold', 'temperature'), [(-2., 1.),
                                                        (-0.5, 0.1)])
def test_binary_outlier_loss__is_a_softmax_with_one_more_class(
        threshold, temperature):
    torch.manual_seed(0)
    logits = torch.randn(1, 4, 6)
    loss = BinaryOutlierLoss(threshold, temperature, loss_weight=1.)
    more = torch.cat((logits, torch.full((1, 1, 6), -threshold)), 1)
    probs = (more / temperature).softmax(1)[:, -1]
    torch.testing.assert_close(loss(logits, torch.ones(1, 6)),
                               -probs.log().mean() / 2)
    torch.testing.assert_close(
        loss(logits, torch.zeros(1, 6)),
        -torch.log1p(-probs).mean() / 2)


def test_binary_outlier_loss__probabilities_that_the_docstring_states():
    scores = torch.zeros(1, 19, 2)
    scores[:, 3, 1] = 1.
    loss = BinaryOutlierLoss(-0.5, 0.1, loss_weight=1.)
    probs = [math.exp(-2 * loss(scores[..., [i]], torch.tensor([[1]])).item())
             for i in range(2)]
    assert probs == [pytest.approx(0.89, abs=5e-3),
                     pytest.approx(0.007, abs=5e-4)]


def test_binary_outlier_loss__bad_temperature_is_named():
    with pytest.raises(ValueError, match='`temperature` of '
                                         'BinaryOutlierLoss .*got 0'):
        BinaryOutlierLoss(temperature=0)
