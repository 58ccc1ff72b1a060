"""What holds for every loss on in-distribution and outlier pixels."""
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.models.decode_heads import FCNHead
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch.nn import functional as F

import mmseg_anomaly  # noqa: F401

LOSSES = {
    'rba': dict(type='RbALoss'),
    'rba, released': dict(type='RbALoss', inlier_upper=0., outlier_lower=5.),
    'energy': dict(type='EnergyHingeLoss'),
    'energy of S': dict(type='EnergyHingeLoss', inlier_upper=-0.9,
                        outlier_lower=-0.4, temperature=0.1),
    'uniformity': dict(type='OutlierUniformityLoss'),
    'entropy': dict(type='OutlierUniformityLoss', measure='entropy',
                    temperature=0.5),
    'binary': dict(type='BinaryOutlierLoss'),
    'binary of S': dict(type='BinaryOutlierLoss', threshold=-0.5,
                        temperature=0.1),
}
# (1, 3, 1, 4): in-distribution, outlier, void, outlier
LOGITS = torch.tensor([[2., 1., 9., 0.], [0., 7., 9., 3.],
                       [-1., 0., 9., 1.]]).view(1, 3, 1, 4)
LABEL = torch.tensor([[[0, 1, 255, 1]]])


@pytest.fixture(params=LOSSES.values(), ids=LOSSES.keys())
def loss(request):
    return MODELS.build(request.param)


def test_forward__averages_both_kinds_of_pixels_apart(loss):
    inlier, outlier = loss.pixel_costs(loss.pixel_scores(LOGITS))
    expected = (outlier[0, 0, 1] + outlier[0, 0, 3]) / 2
    if inlier is not None:
        expected = expected + inlier[0, 0, 0]
    value = loss(LOGITS, LABEL)
    assert value.item() == pytest.approx(
        loss.loss_weight * expected.item(), rel=1e-6)
    assert value.item() > 0
    twice = torch.cat((LABEL[..., :1], LABEL), -1)
    assert loss(torch.cat((LOGITS[..., :1], LOGITS), -1), twice).item() == (
        pytest.approx(value.item()))


def test_forward__void_has_no_gradient(loss):
    logits = LOGITS.clone().requires_grad_()
    loss(logits, LABEL).backward()
    assert logits.grad[..., 2].eq(0).all()
    assert logits.grad[..., 1].ne(0).any()
    other = loss(LOGITS, LABEL.where(LABEL != 255, 7), ignore_index=7)
    assert other == loss(LOGITS, LABEL)


@pytest.mark.parametrize('label', [0, 255])
def test_forward__without_outliers_or_valid_pixels_is_finite(loss, label):
    logits = LOGITS.clone().requires_grad_()
    target = torch.full((1, 1, 4), label)
    value = loss(logits, target)
    value.backward()
    inlier, _ = loss.pixel_costs(loss.pixel_scores(LOGITS))
    if label == 255 or inlier is None:
        assert value == 0
        assert logits.grad.eq(0).all()
    else:
        assert value.item() == pytest.approx(
            loss.loss_weight * inlier.mean().item())
        assert logits.grad.isfinite().all()


def test_forward__weight_scales_each_pixel(loss):
    weight = torch.tensor([[[0., 3., 1., 0.]]])
    only = torch.tensor([[[255, 1, 255, 255]]])
    # half of two outlier pixels, three times
    assert loss(LOGITS, LABEL, weight=weight).item() == pytest.approx(
        1.5 * loss(LOGITS, only).item())


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16,
                                   torch.float32])
def test_forward__is_finite_for_any_half_precision_logit(loss, dtype):
    big = torch.finfo(torch.float16).max
    rows = [[big, -big, 0., 1e-4], [-big, -big, 0., 0.], [big, big, 0., big]]
    logits = torch.tensor(rows, dtype=dtype)[None, :, None].requires_grad_()
    for label in ([0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 0, 1], [1, 0, 255, 0]):
        logits.grad = None
        value = loss(logits, torch.tensor(label)[None, None])
        value.backward()
        assert value.dtype == torch.float32
        assert value.isfinite()
        assert not logits.grad.isnan().any()


def test_forward__half_precision_is_that_of_its_rounded_logits(loss):
    with torch.autocast('cpu', torch.bfloat16):
        value = loss(LOGITS.bfloat16(), LABEL)
    assert value == loss(LOGITS.bfloat16().float(), LABEL)


def test_forward__gradient_is_that_of_finite_differences(loss):
    torch.manual_seed(0)
    logits = torch.rand(2, 3, 2, 3, dtype=torch.float64, requires_grad=True)
    label = torch.tensor([0, 1, 255]).expand(2, 2, 3)
    assert loss(logits, label).dtype == torch.float64
    assert torch.autograd.gradcheck(lambda z: loss(z, label), logits)


def test_forward__a_step_downhill_raises_the_score_of_outliers(loss):
    logits = torch.tensor([7., 0.1, 0.], dtype=torch.float64)
    logits = logits.view(1, 3, 1).repeat(1, 1, 2)
    logits.requires_grad_()
    label = torch.tensor([[1, 255]])
    loss(logits, label).backward()
    with torch.no_grad():
        after = loss(logits - 1e-3 * logits.grad, label)
    assert after < loss(logits, label)
    assert logits.grad[0, 0, 0] > 0  # the strongest class gives way


def test_forward__small_maps_enlarge_their_scores(loss):
    torch.manual_seed(0)
    logits, label = torch.rand(2, 3, 2, 3), torch.randint(0, 2, (2, 5, 6))
    scores = F.interpolate(loss.pixel_scores(logits)[:, None], (5, 6),
                           mode='bilinear')[:, 0]
    inlier, outlier = loss.pixel_costs(scores)
    expected = outlier[label == 1].mean()
    if inlier is not None:
        expected = expected + inlier[label == 0].mean()
    torch.testing.assert_close(loss(logits, label),
                               loss.loss_weight * expected)


def test_forward__pixels_need_no_map(loss):
    flat = loss(LOGITS.flatten(2), LABEL.flatten(1))
    assert flat == loss(LOGITS, LABEL)


def test_forward__shapes_that_do_not_fit_are_named(loss):
    with pytest.raises(ValueError, match=r'`target` of .* \(1, 1, 4\), .*'
                                         r'got \(2, 1, 4\)'):
        loss(LOGITS, LABEL.expand(2, 1, 4))
    with pytest.raises(ValueError, match=r'`target` of .*got \(1, 3\)'):
        loss(LOGITS[..., 0], LABEL[:, 0, :3])
    with pytest.raises(ValueError, match=r'`weight` of .* the shape of '
                                         r'`target`, \(1, 1, 4\), got'):
        loss(LOGITS, LABEL, weight=torch.ones(1, 4))


def test_forward__classes_are_no_anomaly_label(loss):
    with pytest.raises(ValueError, match='got 18; list the loss in '
                                         '`outlier_losses`'):
        loss(LOGITS, torch.tensor([[[0, 1, 255, 18]]]))


@pytest.mark.parametrize('cfg', LOSSES.values(), ids=LOSSES.keys())
def test_forward__serves_a_stock_head_of_anomaly_labels(cfg):
    head = FCNHead(
        in_channels=4, channels=4, num_convs=1, num_classes=3,
        dropout_ratio=0, loss_decode=[cfg])
    loss, feats = head.loss_decode[0], [torch.randn(1, 4, 2, 2)]
    sample = SegDataSample(gt_sem_seg=PixelData(
        data=torch.tensor([[[0, 255], [1, 1]]])))
    losses = head.loss(feats, [sample], None)
    assert losses[loss.loss_name] == loss(
        head(feats), sample.gt_sem_seg.data)
    sample.gt_sem_seg.data[0, 0, 0] = 2
    with pytest.raises(ValueError, match='`target` .* 255 .void., got 2;'):
        MODELS.build(cfg)(head(feats), sample.gt_sem_seg.data)


@pytest.mark.parametrize('config', [*LOSSES.values(), dict(type='EIMLoss')])
@pytest.mark.parametrize('weight', [-1., float('nan'), float('inf')])
def test_init__weight_that_rewards_or_is_no_number(config, weight):
    with pytest.raises(ValueError, match=f'`loss_weight` of {config["type"]} '
                                         'must be at least 0, got'):
        MODELS.build(dict(config, loss_weight=weight))


@pytest.mark.parametrize('options', [
    dict(type='RbALoss', inlier_upper=float('nan')),
    dict(type='EnergyHingeLoss', temperature=float('nan')),
])
def test_init__not_a_number(options):
    with pytest.raises(ValueError, match='must be (below|positive).* nan'):
        MODELS.build(options)
