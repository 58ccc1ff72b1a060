import math

import pytest
import torch
from torch.nn import functional as F

from mmseg_anomaly.models.losses import OutlierUniformityLoss

# probabilities of a half and two quarters
LOGITS = torch.tensor([math.log(2), 0., 0.]).view(1, 3, 1)
OUTLIER = torch.tensor([[1]])


def test_kl__hand_computed():
    # (log(2/3) + 2 log(4/3)) / 3
    expected = (math.log(2 / 3) + 2 * math.log(4 / 3)) / 3
    assert OutlierUniformityLoss()(LOGITS, OUTLIER).item() == pytest.approx(
        0.5 * expected, rel=1e-5)


def test_entropy__hand_computed():
    # H(p) = 1.5 log 2
    loss = OutlierUniformityLoss('entropy')
    assert loss(LOGITS, OUTLIER).item() == pytest.approx(
        0.5 * (math.log(3) - 1.5 * math.log(2)), rel=1e-5)


def test_kl__is_the_cross_entropy_to_uniform_but_for_a_constant():
    torch.manual_seed(0)
    logits = torch.randn(2, 19, 4)
    uniform = torch.full_like(logits, 1 / 19)
    expected = F.cross_entropy(logits, uniform) - math.log(19)
    loss = OutlierUniformityLoss(loss_weight=1.)
    torch.testing.assert_close(loss(logits, torch.ones(2, 4)), expected)


@pytest.mark.parametrize('measure', ['kl', 'entropy'])
def test_uniformity__temperature_divides_the_logits(measure):
    loss = OutlierUniformityLoss(measure, temperature=0.1)
    once = OutlierUniformityLoss(measure)
    torch.testing.assert_close(loss(LOGITS / 10, OUTLIER),
                               once(LOGITS, OUTLIER))


@pytest.mark.parametrize('measure', ['kl', 'entropy'])
def test_uniformity__is_zero_where_classes_are_equal(measure):
    loss = OutlierUniformityLoss(measure)
    assert loss(torch.full((1, 3, 1), 7.), OUTLIER).item() == (
        pytest.approx(0, abs=1e-6))
    assert loss(LOGITS * 9, torch.tensor([[0]])) == 0


def test_entropy__leaves_a_class_that_is_ruled_out():
    logits = torch.tensor([[[0.], [0.], [-200.]]])
    measured = [OutlierUniformityLoss(name, loss_weight=1.)(logits, OUTLIER)
                for name in ('kl', 'entropy')]
    assert measured[0].item() == pytest.approx(
        200 / 3 + math.log(2 / 3), rel=1e-5)
    assert measured[1].item() == pytest.approx(math.log(1.5), rel=1e-5)


def test_uniformity__bad_arguments_are_named():
    with pytest.raises(ValueError, match="`measure` .*got 'mse'"):
        OutlierUniformityLoss('mse')
    with pytest.raises(ValueError, match='`temperature` of '
                                         'OutlierUniformityLoss .*got -1'):
        OutlierUniformityLoss(temperature=-1)
