import pytest
import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_anomaly.models.decode_heads import ERFNetDeconvHead
from mmseg_anomaly.models.interfaces import EvidenceHead, as_evidence_head
from mmseg_anomaly.models.scoring.scorer_configs import (
    build_scorers,
    fitting_scorers,
)


def evidence_of(head, feats, size=(8, 12)):
    metas = [dict(img_shape=torch.Size(size))] * len(feats[0])
    return head.predict_evidence(feats, metas, None)


@pytest.fixture
def head():
    torch.manual_seed(0)
    return ERFNetDeconvHead(4, 3)


def test_evidence__void_is_no_class(head):
    feats = [torch.rand(2, 4, 4, 6)]
    evidence = evidence_of(head, feats)
    assert isinstance(as_evidence_head(head), EvidenceHead)
    assert tuple(evidence) == head.evidence_names == ('seg_logits', 'void')
    assert evidence['seg_logits'].shape == (2, 3, 8, 12)
    assert evidence['void'].shape == (2, 1, 8, 12)
    outputs = head.output_conv(feats[0])
    assert torch.equal(torch.cat(list(evidence.values()), 1), outputs)
    assert torch.equal(head(feats), outputs[:, :3])


def test_evidence__is_enlarged_to_the_window(head):
    evidence = evidence_of(head, [torch.rand(1, 4, 4, 6)], (16, 24))
    assert evidence['void'].shape == (1, 1, 16, 24)


def test_evidence__without_void():
    head = ERFNetDeconvHead(4, 3, void_output=False)
    evidence = evidence_of(head, [torch.rand(1, 4, 4, 6)])
    assert tuple(evidence) == head.evidence_names == ('seg_logits', )
    assert evidence['seg_logits'].shape == (1, 3, 8, 12)
    assert 'void' not in fitting_scorers(False, head.evidence_names)


def test_scorers__void_reads_all_outputs_and_the_others_classes():
    logits = torch.tensor([1., 3., 2.]).view(1, 3, 1, 1)
    evidence = {'seg_logits': logits, 'void': torch.full((1, 1, 1, 1), 2.5)}
    scorers = build_scorers(['void', 'softmax_msp'], False)
    exps = torch.tensor([1., 3., 2., 2.5]).exp()
    assert scorers['void'](evidence).item() == pytest.approx(
        (exps[3] / exps.sum()).item())
    assert scorers['softmax_msp'](evidence).item() == pytest.approx(
        (1 - exps[1] / exps[:3].sum()).item())


def test_scorer_void__needs_its_evidence():
    score = build_scorers('void', False)['void']
    with pytest.raises(ValueError, match="needs the evidence 'void'"):
        score({'seg_logits': torch.rand(1, 3, 2, 2)})


def test_loss__teaches_the_classes_only(head):
    sample = SegDataSample()
    label = torch.randint(3, (1, 8, 12))
    label[:, :2] = 255
    sample.gt_sem_seg = PixelData(data=label)
    losses = head.loss([torch.rand(1, 4, 4, 6)], [sample], {})
    losses['loss_ce'].backward()
    grads = head.output_conv.weight.grad.abs().sum(dim=(0, 2, 3))
    assert (grads[:3] > 0).all()
    assert grads[3] == 0


def test_unknown_argument__fails():
    with pytest.raises(TypeError, match='void_outputs'):
        MODELS.build(dict(type='mmseg.ERFNetDeconvHead', void_outputs=True))
