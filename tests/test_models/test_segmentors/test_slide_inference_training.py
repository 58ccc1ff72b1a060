"""Training by SlideInferenceWithStitch: labels of heads, outlier losses."""
import copy

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.models.decode_heads import FCNHead
from mmseg.registry import MODELS
from test_models.test_segmentors.small_models import (
    COPY,
    ERFNET,
    UPERNET,
    build,
    sample,
)

import mmseg_anomaly  # noqa: F401


def training_batch():
    label = torch.zeros(1, 32, 32, dtype=torch.int64)
    label[:, :8], label[:, 8:12], label[:, 12:14] = 254, 253, 255
    item = sample((32, 32))
    item.set_data({'gt_sem_seg': PixelData(data=label)})
    return torch.randn(2, 3, 32, 32), [item, item.clone()]


def test_loss__native_heads_see_the_semantic_label():
    model = build(UPERNET).train()
    inputs, samples = training_batch()
    seen = []
    for head in (model.decode_head, model.auxiliary_head):
        head.loss_by_feat = lambda logits, items, _own=head.loss_by_feat: (
            seen.append(items) or _own(logits, items))
    losses = model.loss(inputs, samples)
    assert {'decode.loss_ce', 'aux.loss_ce'} < set(losses)
    assert len(seen) == 2
    for items in seen:
        assert items[0].gt_sem_seg.data.unique().tolist() == [0, 255]
        assert items[0].metainfo == samples[0].metainfo
    assert samples[0].gt_sem_seg.data.unique().tolist() == [0, 253, 254, 255]


def test_loss__equals_the_native_loss_on_semantic_labels():
    inputs, samples = training_batch()
    parts = copy.deepcopy(UPERNET)
    parts['auxiliary_head'] = [parts['auxiliary_head']]
    for head in (parts['decode_head'], *parts['auxiliary_head']):
        head['dropout_ratio'] = 0
    losses = build(parts).train().loss(inputs, samples)
    for item in samples:
        label = item.gt_sem_seg.data
        label[label > 4] = 255
    expected = build(parts, 'EncoderDecoder').train().loss(inputs, samples)
    torch.testing.assert_close(losses, expected)
    assert 'aux_0.loss_ce' in losses


def test_loss__heads_that_read_reserved_labels_get_the_samples():
    model = build(ERFNET).train()
    model.decode_head.reads_reserved_labels = True
    inputs, samples = training_batch()
    model.decode_head.loss = lambda feats, items, cfg: {
        'loss_same': torch.tensor(float(items is samples))
    }
    assert model.loss(inputs, samples)['decode.loss_same'] == 1


def test_loss__outlier_losses_share_the_forward_pass():
    model = build(ERFNET, outlier_losses=[{'type': 'MeanOutlierLogit'}])
    model.train()
    calls = []
    own = model.decode_head.forward
    model.decode_head.forward = lambda feats: calls.append(1) or own(feats)
    inputs, samples = training_batch()
    losses = model.loss(inputs, samples)
    assert len(calls) == 1
    assert {'decode.loss_ce', 'outlier.loss_mean'} < set(losses)
    losses['outlier.loss_mean'].backward()
    assert model.decode_head.conv_seg.weight.grad.abs().sum() > 0


def test_loss__outlier_losses_get_enlarged_logits_and_anomaly_labels():
    parts = copy.deepcopy(COPY)
    parts['decode_head']['type'] = 'HalfSizeHead'
    model = build(parts, outlier_losses=[{'type': 'MeanOutlierLogit'}])
    _, samples = training_batch()
    losses = model.loss(torch.full((2, 3, 32, 32), .5), samples)
    # two images, 8 rows of 32 outlier pixels, logit 0.5
    assert losses['outlier.loss_mean'] == 2 * 8 * 32 * .5
    assert 'decode.loss_own' in losses


class OwnLossHead(FCNHead):

    def loss(self, inputs, batch_data_samples, train_cfg):
        return {}


def test_init__outlier_losses_need_a_head_with_logits():
    MODELS.register_module(module=OwnLossHead, force=True)
    parts = copy.deepcopy(ERFNET)
    parts['decode_head']['type'] = 'OwnLossHead'
    with pytest.raises(TypeError, match='OwnLossHead computes its loss in a'):
        build(parts, outlier_losses=[{'type': 'MeanOutlierLogit'}])


def test_loss__outlier_losses_need_one_map():
    model = build(ERFNET, outlier_losses=[{'type': 'MeanOutlierLogit'}])
    model.decode_head.forward = lambda feats: (feats, feats)
    with pytest.raises(TypeError, match='FCNHead gives a tuple in training'):
        model.loss(*training_batch())


def test_init__outlier_losses_need_different_names():
    with pytest.raises(ValueError, match='different values of `loss_name`'):
        build(ERFNET, outlier_losses=[{'type': 'MeanOutlierLogit'}] * 2)


def test_init__outlier_loss_that_would_not_be_trained_on():
    with pytest.raises(ValueError, match=r"contain 'loss'.*\['rba2'\]"):
        build(ERFNET, outlier_losses=[dict(type='RbALoss', loss_name='rba2')])
