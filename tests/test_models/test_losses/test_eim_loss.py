"""Tests of the confidence penalty."""
import math

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.models.decode_heads import FCNHead
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_anomaly.models.losses import EIMLoss
from mmseg_anomaly.models.losses.eim_loss import confidence_penalty


def test_confidence_penalty__hand_computed():
    logits = torch.tensor([[0., 0., 0., 0.],
                           [math.log(3.), 0., 0., 0.]])
    # the largest probabilities are 1/4 and 3/6
    want = torch.tensor([0., math.log(4 * 0.5)])
    torch.testing.assert_close(confidence_penalty(logits), want)
    torch.testing.assert_close(confidence_penalty(logits * 2, 2.), want)
    torch.testing.assert_close(confidence_penalty(logits.T, dim=0), want)


def test_confidence_penalty__equals_the_formula_as_written():
    z = torch.randn(5, 7, dtype=torch.float64)
    e = (z / 0.7).exp()
    want = -(e.sum(-1) / (7 * e.amax(-1))).log()
    torch.testing.assert_close(confidence_penalty(z, 0.7), want)


def test_confidence_penalty__falls_by_its_gradient():
    z = torch.tensor([2., 1., 0.], requires_grad=True)
    confidence_penalty(z).backward()
    want = torch.tensor([1., 0., 0.]) - z.detach().softmax(0)
    torch.testing.assert_close(z.grad, want)
    assert z.grad[0] > 0  # a step downhill lowers the largest logit


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16,
                                   torch.float16])
@pytest.mark.parametrize('temperature', [1e-6, 1., 100.])
def test_eim_loss__finite_for_any_finite_logit(dtype, temperature):
    big = torch.finfo(dtype).max
    rows = [[big, -big, 0.], [-big, -big, -big], [big, big, 1.],
            [1e-4, 0., 0.]]
    pred = torch.tensor([rows], dtype=dtype, requires_grad=True)
    loss = EIMLoss(temperature, loss_weight=1.)(pred)
    loss.backward()
    assert loss.dtype == torch.float32
    assert 0 <= loss.item() <= math.log(3) + 1e-6
    assert pred.grad.isfinite().all()


def test_eim_loss__queries_have_the_class_axis_last():
    pred = torch.zeros(1, 2, 4)
    pred[0, 0, 1] = math.log(3.)
    loss = EIMLoss(loss_weight=0.1)(pred)
    assert loss.item() == pytest.approx(0.1 * math.log(2.) / 2)


def test_eim_loss__pixels_have_the_class_axis_first():
    pred = torch.zeros(1, 4, 1, 2)
    pred[0, 1, 0, 0] = math.log(3.)
    target = torch.tensor([[[0, 255]]])
    loss = EIMLoss(loss_weight=1.)
    assert loss(pred).item() == pytest.approx(math.log(2.) / 2)
    assert loss(pred, target).item() == pytest.approx(math.log(2.))
    assert loss(pred, target.flip(-1)).item() == pytest.approx(0.)
    assert loss(pred, target, ignore_index=0).item() == pytest.approx(0.)
    assert loss(pred[..., 0], target[..., 0]).item() == pytest.approx(
        math.log(2.))


def test_eim_loss__weight_scales_each_pixel():
    pred = torch.zeros(1, 4, 1, 2)
    pred[0, 1, 0, 0] = math.log(3.)
    weight = torch.tensor([[[3., 1.]]])
    loss = EIMLoss(loss_weight=1.)(pred, torch.zeros(1, 1, 2), weight)
    assert loss.item() == pytest.approx(3 * math.log(2.) / 2)


def test_eim_loss__nothing_valid_is_zero_and_trains():
    pred = torch.full((1, 3, 2, 2), 6e4, dtype=torch.float16,
                      requires_grad=True)
    loss = EIMLoss()(pred, torch.full((1, 2, 2), 255))
    loss.backward()
    assert loss.item() == 0
    assert pred.grad.eq(0).all()


def test_eim_loss__serves_a_stock_head():
    head = FCNHead(
        in_channels=4, channels=4, num_convs=1, num_classes=3,
        loss_decode=[dict(type='CrossEntropyLoss'), dict(type='EIMLoss')])
    sample = SegDataSample(gt_sem_seg=PixelData(
        data=torch.tensor([[[0, 255], [2, 1]]])))
    losses = head.loss([torch.randn(1, 4, 2, 2)], [sample], None)
    assert 0 < losses['loss_eim'].item() <= 0.1 * math.log(3.)


def test_eim_loss__bad_arguments_are_named():
    with pytest.raises(ValueError, match='`temperature` .* got 0'):
        MODELS.build(dict(type='EIMLoss', temperature=0))
    pred = torch.zeros(1, 3, 2, 2)
    with pytest.raises(ValueError, match='`target` .*got .1, 1, 2, 2'):
        EIMLoss()(pred, torch.zeros(1, 1, 2, 2))
    with pytest.raises(ValueError, match='`weight` .*got .1, 2'):
        EIMLoss()(pred, weight=torch.zeros(1, 2))
