import math

import pytest
import torch

from mmseg_anomaly.models.losses import EnergyHingeLoss


def test_energy_hinge_loss__hand_computed():
    # energies -log(e^9 + e^9) and so on
    logits = torch.tensor([[[9., 20., 7., -3.], [9., 20., 7., -3.]]])
    label = torch.tensor([[0, 0, 1, 1]])
    log2 = math.log(2)
    inlier = (12 - 9 - log2)**2 / 2
    outlier = (-6 + 7 + log2)**2 / 2
    assert EnergyHingeLoss()(logits, label).item() == pytest.approx(
        0.1 * (inlier + outlier) / 2, rel=1e-6)


def test_energy_hinge_loss__equals_the_papers_formula():
    torch.manual_seed(0)
    logits, label = 8 * torch.randn(2, 19, 9), torch.randint(0, 2, (2, 9))
    energy = -torch.log(logits.double().exp().sum(1))
    inlier = (energy[label == 0] + 12).clamp(min=0)**2
    outlier = (-6 - energy[label == 1]).clamp(min=0)**2
    assert inlier.sum() > 0 < outlier.sum()
    loss = EnergyHingeLoss(loss_weight=1.)(logits, label)
    assert loss.item() == pytest.approx(
        0.5 * (inlier.mean() + outlier.mean()).item(), rel=1e-5)


def test_energy_hinge_loss__temperature_spreads_scores_of_masks():
    claimed = torch.zeros(1, 19, 2)
    claimed[:, 3, 0] = 1.
    loss = EnergyHingeLoss(-0.9, -0.4, temperature=0.1, loss_weight=1.)
    assert loss.pixel_scores(claimed)[0].tolist() == pytest.approx(
        [-0.1 * math.log(math.exp(10) + 18), -0.1 * math.log(19)])
    assert loss(claimed, torch.tensor([[0, 1]])) == 0
    swapped = loss(claimed, torch.tensor([[1, 0]])).item()
    assert swapped == pytest.approx((0.6001**2 + 0.6056**2) / 2, abs=1e-3)
    # the bounds of plain logits see no outlier in S
    assert EnergyHingeLoss()(claimed, torch.tensor([[1, 1]])) == 0


def test_energy_hinge_loss__bad_arguments_are_named():
    with pytest.raises(ValueError, match='`inlier_upper` of EnergyHingeLoss '
                                         'must be below .* got -6 and -12'):
        EnergyHingeLoss(-6, -12)
    with pytest.raises(ValueError, match='`temperature` of EnergyHingeLoss '
                                         'must be positive, got 0'):
        EnergyHingeLoss(temperature=0)
