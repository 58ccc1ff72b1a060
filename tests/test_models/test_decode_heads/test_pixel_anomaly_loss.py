import math

import pytest
import torch

from mmseg_anomaly.models.decode_heads.pixel_anomaly_head import anomaly_bce

LOGITS = torch.tensor([[0., math.log(3)], [-math.log(3), 50.]])[None, None]


@pytest.mark.parametrize('pos_weight', [1., 10.])
def test_anomaly_bce__by_hand(pos_weight):
    label = torch.tensor([[[1, 1], [0, 255]]])
    # sigmoid: 1/2, 3/4, 1/4
    expected = (pos_weight * -math.log(1 / 2) + pos_weight * -math.log(3 / 4)
                - math.log(3 / 4)) / 3
    loss = anomaly_bce(LOGITS, label, pos_weight)
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_anomaly_bce__does_not_look_at_void():
    logits = LOGITS.clone().requires_grad_()
    anomaly_bce(logits, torch.tensor([[[1, 0], [0, 255]]]), 10.).backward()
    assert logits.grad[0, 0, 1, 1] == 0
    assert logits.grad.count_nonzero() == 3


@pytest.mark.parametrize(('value', 'expected'), [
    (255, 0.), (0, -(math.log(1 / 2) + math.log(1 / 4) + math.log(3 / 4)
                     - 50) / 4)])
def test_anomaly_bce__takes_batches_without_valid_pixels_or_anomalies(
        value, expected):
    logits = LOGITS.clone().requires_grad_()
    loss = anomaly_bce(logits, torch.full((1, 2, 2), value), 10.)
    loss.backward()
    assert loss.item() == pytest.approx(expected)
    assert logits.grad.isfinite().all()
    assert bool(logits.grad.any()) == (value == 0)


def test_anomaly_bce__computes_in_single_precision():
    label = torch.tensor([[[1, 1], [0, 1]]])
    with torch.autocast('cpu', torch.bfloat16):
        loss = anomaly_bce(LOGITS.bfloat16(), label, 10.)
    assert loss.dtype == torch.float32
    assert loss.isfinite()
