import pytest
import torch
from mmseg.registry import MODELS
from torch import nn

import mmseg_anomaly  # noqa: F401
from mmseg_anomaly.models.interfaces import (
    AnnealedHead,
    ClassHead,
    EvidenceHead,
    LinearClassHead,
    OutlierAwareHead,
    VitParamOwner,
    as_class_head,
    as_evidence_head,
    enlarges_scores,
    reads_reserved_labels,
)
from mmseg_anomaly.models.losses import IsoMaxPlusClassifier, RbALoss

EOMT = dict(type='EoMTDecodeHead', arch=dict(
    embed_dim=12, depth=3, num_heads=3), img_size=(16, 16), patch_size=8,
    num_joint_blocks=1, num_classes=3, num_queries=5)


class LogitsHead(nn.Module):

    def predict(self, feats, batch_img_metas, test_cfg):
        return feats + len(batch_img_metas) + test_cfg['extra']


class HalfHead(nn.Module):

    def predict_evidence(self, feats, batch_img_metas, test_cfg):
        return {'seg_logits': feats}


class InheritingHead(HalfHead, EvidenceHead):
    pass


def test_our_heads__fulfil_the_contracts():
    head = MODELS.build(EOMT)
    pixel = MODELS.build(dict(
        type='PixelAnomalyHead', hidden_dim=8, semantic_head=EOMT))
    for contract in (EvidenceHead, OutlierAwareHead, AnnealedHead,
                     VitParamOwner):
        assert isinstance(head, contract)
    assert isinstance(pixel, EvidenceHead)
    assert not isinstance(pixel, OutlierAwareHead)
    assert reads_reserved_labels(head)
    assert reads_reserved_labels(pixel)
    assert as_evidence_head(pixel) is pixel
    assert isinstance(IsoMaxPlusClassifier(4, 3), ClassHead)
    assert enlarges_scores(RbALoss())


def test_plain_modules__get_the_defaults():
    assert not reads_reserved_labels(nn.Identity())
    assert not enlarges_scores(nn.Identity())
    head = as_evidence_head(LogitsHead())
    assert not head.is_mask_classifier
    assert head.evidence_names == ('seg_logits', )
    evidence = head.predict_evidence(torch.ones(2), [{}], dict(extra=3))
    assert evidence['seg_logits'].tolist() == [5., 5.]


def test_evidence_head__inherits_the_defaults_or_states_all():
    head = InheritingHead()
    assert as_evidence_head(head) is head
    assert not head.is_mask_classifier
    with pytest.raises(TypeError, match='HalfHead .* must have '
                                        '`is_mask_classifier`'):
        as_evidence_head(HalfHead())


def test_linear_class_head__adds_nothing():
    head = as_class_head(LinearClassHead(4, 3))
    assert head.evidence_names == ()
    assert head.criterion_args == {}
    assert head.evidence_scale == 1
    assert head.query_evidence(torch.ones(1, 2, 3)) == {}
    assert set(head.state_dict()) == {'weight', 'bias'}


@MODELS.register_module()
class PlainClassifier(nn.Linear):
    pass


def test_class_head__that_is_none():
    with pytest.raises(TypeError, match='PlainClassifier must be a ClassHead'):
        MODELS.build(dict(EOMT, class_head=dict(type='PlainClassifier')))
