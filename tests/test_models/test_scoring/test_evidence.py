import pytest
import torch
from torch.nn import functional as F

from mmseg_anomaly.models.scoring import evidence as evidence_module
from mmseg_anomaly.models.scoring.evidence import Prediction, semantic_evidence


def test_semantic_evidence__by_hand():
    # Two queries, two classes, one pixel; sigmoid(0) = 1/2.
    mask_logits = torch.tensor([0., 50.]).view(1, 2, 1, 1)
    probs = torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.3, 0.6]])
    evidence = semantic_evidence(Prediction(mask_logits, probs.log()[None]))
    torch.testing.assert_close(evidence['seg_logits'].flatten(),
                               torch.tensor([0.35, 0.425]))
    torch.testing.assert_close(evidence['eam'].flatten(),
                               torch.tensor([0.55]))
    torch.testing.assert_close(evidence['no_object'].flatten(),
                               torch.tensor([0.725]))


def test_semantic_evidence__enlarges_before_the_sigmoid():
    mask_logits = torch.randn(1, 2, 2, 2) * 9
    class_logits = torch.randn(1, 2, 4)
    evidence = semantic_evidence(Prediction(mask_logits, class_logits),
                                 (4, 4))['seg_logits']
    masks = F.interpolate(mask_logits, (4, 4), mode='bilinear').sigmoid()
    expected = torch.einsum('bqc,bqhw->bchw',
                            class_logits.softmax(-1)[..., :-1], masks)
    torch.testing.assert_close(evidence, expected)


@pytest.mark.parametrize('size', [(12, 20), (9, 7), (7, 10), (3, 5)])
def test_semantic_evidence__of_bands_is_that_of_the_whole(size, monkeypatch):
    torch.manual_seed(0)
    mask_logits = torch.randn(2, 4, 6, 5) * 9
    class_logits = torch.randn(2, 4, 3)
    monkeypatch.setattr(evidence_module, 'BAND_SIZE', 4 * 2 * size[1])
    evidence = semantic_evidence(Prediction(mask_logits, class_logits), size)
    masks = F.interpolate(mask_logits, size, mode='bilinear').sigmoid()
    probs = class_logits.softmax(-1)
    expected = torch.einsum('bqc,bqhw->bchw', probs, masks)
    torch.testing.assert_close(evidence['seg_logits'], expected[:, :-1])
    torch.testing.assert_close(evidence['no_object'], expected[:, -1:])


def test_semantic_evidence__of_bands_has_gradients(monkeypatch):
    monkeypatch.setattr(evidence_module, 'BAND_SIZE', 1)
    mask_logits = torch.zeros(1, 1, 2, 2, requires_grad=True)
    evidence = semantic_evidence(
        Prediction(mask_logits, torch.zeros(1, 1, 2)), (4, 4))
    evidence['no_object'].sum().backward()
    # 4 enlarged pixels a pixel, slope 1/4 of the sigmoid, probability 1/2
    torch.testing.assert_close(mask_logits.grad,
                               torch.full((1, 1, 2, 2), 0.5))
