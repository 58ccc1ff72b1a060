import weakref

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch.utils._python_dispatch import TorchDispatchMode

from mmseg_anomaly.engine.checkpoint import load_state_dict_strictly
from mmseg_anomaly.models.decode_heads import (
    EoMTDecodeHead,
    PixelAnomalyHead,
)

SEMANTIC = dict(
    type='EoMTDecodeHead',
    arch=dict(embed_dim=12, depth=3, num_heads=3, init_values=0.5),
    img_size=(32, 48), patch_size=8, num_joint_blocks=2, num_classes=3,
    num_queries=5, criterion=dict(num_points=16))
VARIANTS = [dict(), dict(feature_proj=4), dict(use_features=False)]


def build_semantic(**kwargs):
    torch.manual_seed(0)
    return MODELS.build({**SEMANTIC, **kwargs})


def build(semantic=None, **kwargs):
    torch.manual_seed(1)
    return PixelAnomalyHead({**SEMANTIC, **(semantic or {})},
                            hidden_dim=8, **kwargs)


def build_on(plain, semantic=None, **kwargs):
    """A head that has loaded a plain EoMT."""
    head = build(semantic, **kwargs)
    load_state_dict_strictly(head, plain.state_dict())
    return head


def feats(num_images=2):
    generator = torch.Generator().manual_seed(1)
    return (torch.randn(num_images, 12, 4, 6, generator=generator),
            torch.randn(num_images, 1, 12, generator=generator))


def samples(*labels):
    built = []
    for label in labels:
        sample = SegDataSample()
        if isinstance(label, int):
            label = torch.full((32, 48), label)
        sample.gt_sem_seg = PixelData(data=label[None])
        built.append(sample)
    return built


def half_outlier():
    label = torch.zeros(32, 48, dtype=torch.long)
    label[:, 24:] = 254
    return label


def train_steps(head, count=3):
    head.train()
    optimizer = torch.optim.AdamW(
        [p for p in head.parameters() if p.requires_grad], lr=0.1)
    for _ in range(count):
        optimizer.zero_grad()
        head.loss(feats(), samples(half_outlier(), 0), None)[
            'loss_pixel'].backward()
        optimizer.step()
    return head.eval()


@pytest.mark.parametrize('kwargs', VARIANTS)
def test_semantic_evidence__stays_the_same_to_the_bit(kwargs):
    plain = build_semantic().eval()
    head = build_on(plain, **kwargs)
    with torch.no_grad():
        expected = plain.predict_evidence(feats(), [{}, {}], None)
        before = head.eval().predict(feats(), [{}, {}], None)
    train_steps(head)
    with torch.no_grad():
        after = head.predict_evidence(feats(), [{}, {}], None)
    assert torch.equal(before, expected['seg_logits'])
    assert set(after) == {*expected, 'pixel_head'}
    for name, values in expected.items():
        assert torch.equal(after[name], values)
    for key, value in plain.state_dict().items():
        assert torch.equal(head.semantic_head.state_dict()[key], value)


def test_evidence__holds_what_another_class_head_adds():
    semantic = dict(class_head=dict(type='IsoMaxPlusClassifier'))
    plain = build_semantic(**semantic).eval()
    head = train_steps(build_on(plain, semantic), 1)
    with torch.no_grad():
        expected = plain.predict_evidence(feats(), [{}, {}], None)
        evidence = head.predict_evidence(feats(), [{}, {}], None)
    assert head.evidence_names == tuple(evidence)
    assert torch.equal(evidence['closeness'], expected['closeness'])


@pytest.mark.parametrize('kwargs', VARIANTS)
def test_gradient__reaches_the_small_network_and_nothing_else(kwargs):
    head = build_on(build_semantic(), **kwargs).train()
    head.loss(feats(), samples(half_outlier(), 0), None)[
        'loss_pixel'].backward()
    for name, param in head.named_parameters():
        if name.startswith('mlp.'):
            assert param.grad.any(), name
        else:
            assert param.grad is None and not param.requires_grad, name


def test_training__learns_to_tell_outliers():
    head = build_on(build_semantic(), dropout=0.).train()
    first = head.loss(feats(), samples(half_outlier(), 0), None)
    head = train_steps(head, 30).train()
    last = head.loss(feats(), samples(half_outlier(), 0), None)
    assert last['loss_pixel'] < 0.9 * first['loss_pixel']


def test_train__keeps_the_semantic_head_in_eval_mode():
    head = build().train()
    assert head.training and head.mlp.training
    assert not any(m.training for m in head.semantic_head.modules())


def test_loss__changes_with_pos_weight_as_the_formula_says():
    plain = build_semantic()
    labels = samples(half_outlier(), 0)
    losses = []
    for pos_weight in (1., 10.):
        head = build_on(plain, dropout=0., pos_weight=pos_weight)
        losses.append(head.loss(feats(), labels, None)['loss_pixel'])
    with torch.no_grad():
        costs = torch.nn.functional.softplus(-head(feats()))[0, 0, :, 24:]
    added = 9 * costs.sum() / (2 * 32 * 48)
    torch.testing.assert_close(losses[1] - losses[0], added)


def test_loss__reads_the_stored_labels():
    head = build_on(build_semantic(), dropout=0.)
    known = head.loss(feats(), samples(253, 1), None)['loss_pixel']
    assert known == head.loss(feats(), samples(0, 2), None)['loss_pixel']
    void = head.loss(feats(), samples(255, 255), None)['loss_pixel']
    assert void == 0
    void.backward()
    assert not head.mlp.first.weight.grad.any()


def test_predict_evidence__is_the_pair_of_zero_and_the_logit():
    head = train_steps(build_on(build_semantic()))
    with torch.no_grad():
        pair = head.predict_evidence(feats(), [{}, {}], None)['pixel_head']
        assert torch.equal(pair[:, 1:], head(feats()))
    assert pair.shape == (2, 2, 32, 48)
    assert not pair[:, 0].any() and pair[:, 1].any()


@pytest.mark.parametrize('semantic', [
    dict(num_queries=1), dict(num_classes=1),
    dict(num_queries=1, num_classes=1)])
def test_head__works_with_one_query_or_class(semantic):
    head = build_on(build_semantic(**semantic), semantic)
    train_steps(head, 1)
    with torch.no_grad():
        evidence = head.predict_evidence(feats(), [{}, {}], None)
    assert evidence['pixel_head'].isfinite().all()


def test_head__is_safe_in_half_precision():
    head = train_steps(build_on(build_semantic()))
    with torch.no_grad():
        exact = head(feats())
        with torch.autocast('cpu', torch.bfloat16):
            low = head(feats())
    torch.testing.assert_close(low.float(), exact, rtol=0.1, atol=0.1)
    with torch.autocast('cpu', torch.bfloat16):
        loss = head.train().loss(feats(), samples(254, 0), None)['loss_pixel']
    loss.backward()
    assert loss.dtype == torch.float32 and loss.isfinite()
    assert all(p.grad.isfinite().all() for p in head.mlp.parameters())


def test_head__compiles():
    head = train_steps(build_on(build_semantic()))
    compiled = torch.compile(head, backend='aot_eager')
    with torch.no_grad():
        torch.testing.assert_close(compiled(feats()), head(feats()))


class LargeTensors(TorchDispatchMode):
    """Counts the tensors of a size or more that live together."""

    def __init__(self, numel):
        super().__init__()
        self.numel, self.storages, self.peak = numel, {}, 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        output = func(*args, **(kwargs or {}))
        if isinstance(output, torch.Tensor) and output.numel() >= self.numel:
            storage = output.untyped_storage()
            self.storages[storage._cdata] = weakref.ref(storage)
        alive = [s for s in self.storages.values() if s() is not None]
        self.peak = max(self.peak, len(alive))
        return output


@pytest.mark.parametrize('training', [False, True])
def test_statistics__never_need_two_full_maps_of_all_queries(training):
    semantic = dict(num_queries=40)
    head = build_on(build_semantic(**semantic), semantic).train(training)
    head._mlp_is_untrained = False
    with torch.no_grad(), LargeTensors(40 * 32 * 48) as seen:
        if training:
            head(feats(3))
        else:
            head.predict_evidence(feats(3), [{}] * 3, None)
    assert seen.peak <= 1


def test_loading__names_what_a_plain_eomt_lacks():
    state_dict = build_semantic().state_dict()
    weight = state_dict.pop('class_head.weight')
    state_dict['stranger'] = weight
    with pytest.raises(RuntimeError) as stopped:
        load_state_dict_strictly(build(), state_dict)
    message = str(stopped.value)
    assert 'missing in the file: semantic_head.class_head.weight;' in message
    assert 'not in the model: semantic_head.stranger.' in message


def test_loading__a_trained_head_needs_all_of_it():
    state_dict = build().state_dict()
    del state_dict['mlp.first.weight']
    with pytest.raises(RuntimeError, match='missing.*: mlp.first.weight'):
        load_state_dict_strictly(build(), state_dict)


def test_loading__keeps_values_of_a_trained_head():
    trained = train_steps(build_on(build_semantic()))
    other = build()
    load_state_dict_strictly(other, trained.state_dict())
    with torch.no_grad():
        assert torch.equal(other.eval()(feats()), trained(feats()))
        other.predict_evidence(feats(), [{}, {}], None)
    other.train().loss(feats(), samples(0, 0), None)


def test_training__without_a_trained_eomt_says_what_to_do():
    with pytest.raises(RuntimeError, match='set `load_from` to the checkpo'):
        build().loss(feats(), samples(0, 0), None)


def test_testing__with_a_plain_eomt_says_what_to_do():
    head = build_on(build_semantic())
    with pytest.raises(RuntimeError, match='holds no pixel head: train one'):
        head.predict_evidence(feats(), [{}, {}], None)


def test_training__on_a_learning_backbone_is_refused():
    patch_map, prefix_tokens = feats()
    with pytest.raises(ValueError, match='set `backbone.frozen=True`'):
        build_on(build_semantic()).loss(
            (patch_map.requires_grad_(), prefix_tokens), samples(0, 0), None)


def test_init__refuses_a_pos_weight_that_is_not_positive():
    with pytest.raises(ValueError, match='`pos_weight` must be positive'):
        build(pos_weight=0.)


def test_predict_with_features__is_the_last_prediction_of_forward():
    semantic = build_semantic().eval()
    with torch.no_grad():
        prediction, patch_map = semantic.predict_with_features(feats())
        last = semantic(feats())[-1]
    assert isinstance(semantic, EoMTDecodeHead)
    assert torch.equal(prediction.mask_logits, last.mask_logits)
    assert torch.equal(prediction.class_logits, last.class_logits)
    assert patch_map.shape == (2, 12, 4, 6)
    # normed: before gain and bias every token has mean 0 and variance 1
    torch.testing.assert_close(patch_map.mean(1), torch.zeros(2, 4, 6),
                               rtol=0, atol=1e-5)
