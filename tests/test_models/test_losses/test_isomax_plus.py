import math

import pytest
import torch
from mmengine.logging import MMLogger
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import nn
from torch.nn import functional as F

from mmseg_anomaly.models.decode_heads import EoMTDecodeHead
from mmseg_anomaly.models.eomt.matching import SemanticTargets
from mmseg_anomaly.models.losses import (
    EIMLoss,
    IsoMaxPlusClassifier,
    MaskClassificationLoss,
)
from mmseg_anomaly.models.losses.rba_loss import RbALoss
from mmseg_anomaly.models.scoring.evidence import Prediction, semantic_evidence
from mmseg_anomaly.models.scoring.scorer_configs import (
    build_scorers,
    fitting_scorers,
)


def classifier(prototypes, **kwargs):
    prototypes = torch.tensor(prototypes)
    head = IsoMaxPlusClassifier(
        prototypes.shape[1], len(prototypes), **kwargs)
    head.prototypes.data = prototypes
    return head


def build(**kwargs):
    torch.manual_seed(0)
    return EoMTDecodeHead(**{
        **dict(arch=dict(embed_dim=12, depth=3, num_heads=3),
               img_size=(32, 48), patch_size=8, num_joint_blocks=2,
               num_classes=3, num_queries=5, criterion=dict(num_points=16),
               class_head=dict(type='IsoMaxPlusClassifier')), **kwargs})


def feats():
    torch.manual_seed(1)
    return torch.randn(2, 12, 4, 6), torch.randn(2, 1, 12)


def samples():
    labels = torch.zeros(2, 32, 48, dtype=torch.long)
    labels[1, :, 9:] = 2
    return [SegDataSample(gt_sem_seg=PixelData(data=label[None]))
            for label in labels]


def test_forward__hand_computed():
    head = classifier([[2., 0.], [0., 5.], [-1., 0.], [3., 4.]])
    logits = head(torch.tensor([[7., 0.]]))
    expected = [0., math.sqrt(2), 2., math.sqrt(0.4**2 + 0.8**2)]
    assert logits[0].tolist() == pytest.approx([-d for d in expected])
    head.distance_scale.data.fill_(-3.)
    assert head(torch.tensor([[7., 0.]]))[0].tolist() == pytest.approx(
        [-3 * d for d in expected])


def test_forward__equals_the_papers_formula():
    torch.manual_seed(0)
    head = IsoMaxPlusClassifier(8, 4)
    queries = torch.randn(2, 5, 8)
    for c, prototype in enumerate(head.prototypes):
        expected = -(queries / queries.norm(dim=-1, keepdim=True) -
                     prototype / prototype.norm()).norm(dim=-1)
        torch.testing.assert_close(head(queries)[..., c], expected)


def test_init__as_the_paper():
    torch.manual_seed(0)
    head = IsoMaxPlusClassifier(500, 20)
    assert head.distance_scale.tolist() == [1.]
    assert head.prototypes.mean().item() == pytest.approx(0, abs=0.03)
    assert head.prototypes.std().item() == pytest.approx(1, abs=0.03)
    assert head.entropic_scale == 10.


def test_forward__keeps_digits_of_half_precision_and_gradients():
    head = classifier([[1., 0.], [0., 1.]])
    queries = torch.tensor([[3., 0.], [3., 1e-3]], requires_grad=True)
    with torch.autocast('cpu', torch.bfloat16):
        logits = head(queries)
    assert logits.dtype == torch.float32
    assert logits[1, 0].item() == pytest.approx(-1e-3 / 3, rel=1e-3)
    logits.sum().backward()
    assert queries.grad.isfinite().all()  # also at distance 0
    assert head.prototypes.grad.isfinite().all()
    assert head(queries.detach().bfloat16()).dtype == torch.float32


def test_query_evidence__hand_computed():
    head = classifier([[1., 0.], [0., 1.], [-1., 0.]])  # no-object last
    head.distance_scale.data.fill_(-3.)
    logits = head(torch.tensor([[[9., 0.], [-1., 0.]]]))
    evidence = head.query_evidence(logits)
    assert set(evidence) == set(head.evidence_names)
    exps = [math.exp(-30 * d) for d in (math.sqrt(2), 2, 0)]
    assert evidence['closeness'][0].tolist() == pytest.approx([
        2., (exps[0] + exps[1]) / sum(exps) * (2 - math.sqrt(2))])


def test_query_evidence__a_scale_of_zero_is_finite():
    head = classifier([[1., 0.], [0., 1.]])
    head.distance_scale.data.zero_()
    logits = head(torch.randn(1, 3, 2))
    assert head.query_evidence(logits)['closeness'].isfinite().all()


def test_load__directions_of_a_linear_class_head(monkeypatch):
    head = nn.Sequential(IsoMaxPlusClassifier(8, 4))
    linear = nn.Sequential(nn.Linear(8, 4))
    messages = []
    monkeypatch.setattr(MMLogger.get_current_instance(), 'info',
                        messages.append)
    head.load_state_dict(linear.state_dict())
    head.load_state_dict(head.state_dict())
    assert len(messages) == 1
    assert messages[0].startswith('0.prototypes of IsoMax+ start from')
    torch.testing.assert_close(head[0].prototypes.data, linear[0].weight.data)
    assert head[0].distance_scale.tolist() == [1.]
    queries = torch.randn(20, 8)
    cosines = F.normalize(queries) @ F.normalize(linear[0].weight).T
    assert torch.equal(head(queries).argmax(1), cosines.argmax(1))


@pytest.mark.parametrize('scales', [(0., 1.), (10., -1.)])
def test_init__scales_must_be_positive(scales):
    name, scale = (('entropic_scale', scales[0]) if scales[0] <= 0 else
                   ('evidence_scale', scales[1]))
    with pytest.raises(ValueError, match=f'`{name}` .* positive, got {scale}'):
        IsoMaxPlusClassifier(2, 2, *scales)


def test_class_loss__is_that_of_the_paper():
    classes = -torch.tensor([[[0.9, 1.1, 1., 1.2], [1.3, 1.2, 1., 0.9]]])
    masks = torch.stack((torch.full((4, 4), 9.), torch.full((4, 4), -9.)))
    args = (masks[None], classes, torch.zeros(1, 4, 4, dtype=torch.long))
    losses = MaskClassificationLoss(
        3, 16, class_weight=1., class_logit_scale=10.)(*args)
    # softmax and logarithm one after the other, as the paper asks for
    probs = (10 * classes).softmax(-1)[0]
    expected = -(probs[0, 0].log() + 0.1 * probs[1, 3].log()) / 1.1
    assert losses['loss_cls'].item() == pytest.approx(expected.item())
    flat = MaskClassificationLoss(3, 16, class_weight=1.)(*args)
    assert flat['loss_cls'] > losses['loss_cls']


def test_matching__does_not_see_the_scale():
    torch.manual_seed(0)
    masks, classes = torch.randn(1, 4, 8, 8), -2 * torch.rand(1, 4, 4)
    targets = SemanticTargets(torch.randint(0, 3, (1, 8, 8)), 3)
    points = torch.rand(1, 16, 2)
    losses = [MaskClassificationLoss(3, 16, class_logit_scale=scale)
              for scale in (1., 10.)]
    costs = [loss.matching_costs(masks, classes, targets, points)
             for loss in losses]
    assert torch.equal(*costs)
    # and classes decide between equal masks: query 2 is class 1
    masks[:] = 0.
    classes[:] = -1.5
    classes[0, 2, 1] = -0.5
    criterion = MaskClassificationLoss(3, 16, class_logit_scale=10.)
    loss = criterion(masks, classes, torch.ones(1, 8, 8, dtype=torch.long))
    others = math.log(4)  # three queries are told "no object"
    own = math.log(1 + 3 * math.exp(-10))
    assert loss['loss_cls'].item() == pytest.approx(
        2 * (own + 3 * 0.1 * others) / 1.3, rel=1e-5)


def test_head__other_losses_take_the_logits_as_they_are():
    head = build(query_losses=[dict(type='EIMLoss')]).train()
    assert head.criterion.class_logit_scale == 10.
    assert build(class_head=None).criterion.class_logit_scale == 1.
    prediction = head(feats())[-1]
    assert prediction.class_logits.min() >= -2
    assert prediction.class_logits.max() < 0
    losses = head.loss_by_feat([prediction], samples())
    torch.testing.assert_close(losses['loss_eim'],
                               EIMLoss()(prediction.class_logits))


def test_head__loss_reaches_every_parameter():
    head = build().train()
    sum(head.loss(feats(), samples(), None).values()).backward()
    assert all(p.grad.ne(0).any() for p in head.class_head.parameters())
    assert all(p.grad is not None for p in head.parameters())


@torch.no_grad()
def test_head__offers_the_evidence_of_min_distance():
    head = build().eval()
    evidence = head.predict_evidence(feats(), [{}, {}], None)
    assert tuple(evidence) == head.evidence_names
    assert 'closeness' not in EoMTDecodeHead.evidence_names
    assert 'min_distance' in fitting_scorers(True, head.evidence_names)
    prediction = head(feats())[-1]
    masks = F.interpolate(prediction.mask_logits, (32, 48), mode='bilinear')
    per_query = head.class_head.query_evidence(
        prediction.class_logits)['closeness']
    expected = torch.einsum('bq,bqhw->bhw', per_query, masks.sigmoid())
    torch.testing.assert_close(evidence['closeness'][:, 0], expected)
    score = build_scorers('min_distance', True)['min_distance'](evidence)
    torch.testing.assert_close(score[:, 0], 2 - expected)


@torch.no_grad()
@pytest.mark.parametrize('scale', [1., 10.])
def test_head__evidence_scale_sharpens_classes_within_s(scale):
    class_head = dict(type='IsoMaxPlusClassifier', evidence_scale=scale)
    head = build(class_head=class_head).eval()
    prediction = head(feats())[-1]
    probs = (scale * prediction.class_logits).softmax(-1)
    expected = torch.einsum('bqc,bqhw->bchw', probs[..., :-1],
                            prediction.mask_logits.sigmoid())
    _, scores = head.loss_with_evidence(feats(), samples(), None)
    torch.testing.assert_close(scores, expected)
    assert prediction.class_logits.min() >= -2  # themselves untouched
    torch.testing.assert_close(
        head.predict_evidence(feats(), [{}, {}], None)['closeness'],
        build().eval().predict_evidence(feats(), [{}, {}], None)['closeness'])


@pytest.mark.parametrize(('scale', 'is_content'), [(1., False), (10., True)])
def test_rba_loss__needs_sharp_classes_to_let_rejection_pass(scale,
                                                             is_content):
    class_head = dict(type='IsoMaxPlusClassifier', evidence_scale=scale)
    head = build(class_head=class_head)
    # every query sits on "no object", right-angled to all classes
    distances = torch.full((2, 5, 4), 2**0.5)
    distances[..., -1] = 0
    head.class_head.forward = lambda queries: -distances.requires_grad_()
    _, scores = head.loss_with_evidence(feats(), samples(), None)
    loss = RbALoss()(
        scores, torch.ones(2, *scores.shape[2:], dtype=torch.long))
    assert (loss == 0) == is_content
    loss.backward()
    assert distances.grad.isfinite().all()


@torch.no_grad()
def test_min_distance__is_the_distance_of_the_query_that_owns_a_pixel():
    head = classifier([[1., 0., 0.], [0., 1., 0.], [0., 0., 1.]])
    # one query near class 0, one that is no object
    logits = head(torch.tensor([[[1., 0.2, 0.], [0., 0., 1.]]]))
    masks = torch.tensor([[99., -99.], [-99., 99.]]).view(1, 2, 1, 2)
    evidence = semantic_evidence(Prediction(masks, logits), None,
                                 head.query_evidence(logits))
    score = build_scorers('min_distance', True)['min_distance'](evidence)
    assert score.flatten().tolist() == pytest.approx(
        [-logits[0, 0, 0].item(), 2.], abs=1e-4)


def test_min_distance__says_what_the_head_offers():
    scorer = build_scorers('min_distance', True)['min_distance']
    with pytest.raises(ValueError, match="needs the evidence 'closeness', "
                                         r"the decode head offers \['eam'"):
        scorer({'eam': torch.zeros(1, 1, 1, 1)})
