import json

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from safetensors.torch import load_file

from mmseg_anomaly.models.backbones import EoMTViT
from mmseg_anomaly.models.decode_heads import EoMTDecodeHead
from mmseg_anomaly.models.scoring.evidence import semantic_evidence

ARCH = dict(embed_dim=12, depth=3, num_heads=3, init_values=0.5)


def build(**kwargs):
    torch.manual_seed(0)
    return EoMTDecodeHead(**{
        **dict(arch=ARCH, img_size=(32, 48), patch_size=8,
               num_joint_blocks=2, num_classes=3, num_queries=5,
               criterion=dict(num_points=16)), **kwargs})


def feats(num_images=2):
    generator = torch.Generator().manual_seed(1)
    return (torch.randn(num_images, 12, 4, 6, generator=generator),
            torch.randn(num_images, 1, 12, generator=generator))


def sample(label):
    data_sample = SegDataSample()
    data_sample.gt_sem_seg = PixelData(data=label[None])
    return data_sample


def samples(*values):
    return [sample(torch.full((32, 48), value)) for value in values]


def test_forward__training_predicts_around_every_joint_block():
    predictions = build().train()(feats())
    assert len(predictions) == 3
    assert predictions[0].mask_logits.shape == (2, 5, 8, 12)
    assert predictions[0].class_logits.shape == (2, 5, 4)


@pytest.mark.parametrize(('probs', 'count'), [((1, 1), 3), ((0, 1), 2),
                                              ((0, 0), 1)])
def test_forward__testing_pays_for_masked_blocks_only(probs, count):
    head = build().eval()
    head.set_attn_mask_probs(probs)
    with torch.no_grad():
        assert len(head(feats())) == count


def test_forward__asks_once_a_block_which_queries_see_anywhere(monkeypatch):
    """As many random numbers as queries, for each joint block."""
    sizes = []
    rand = torch.rand
    monkeypatch.setattr(torch, 'rand', lambda size, **options: (
        sizes.append(tuple(size)), rand(size, **options))[1])
    head = build().train()
    head.set_attn_mask_probs((0.5, 0.5))
    predictions = head(feats())
    assert sizes == [(2, 5)] * 2
    for prediction in predictions:
        assert prediction.mask_logits.shape == (2, 5, 8, 12)


def test_forward__masks_change_what_queries_see():
    head = build().eval()
    with torch.no_grad():
        masked = head(feats())[-1].mask_logits
        head.set_attn_mask_probs((0, 0))
        free = head(feats())[-1].mask_logits
    assert not torch.allclose(masked, free)


def test_forward__testing_is_deterministic_between_0_and_1():
    head = build().eval()
    head.set_attn_mask_probs((0.5, 0.5))
    with torch.no_grad():
        assert torch.equal(head(feats())[-1].mask_logits,
                           head(feats())[-1].mask_logits)


def test_mask_probs__follow_a_loaded_checkpoint():
    head, other = build(), build()
    head.set_attn_mask_probs((0.25, 0.0))
    other.load_state_dict(head.state_dict())
    assert other._mask_probs == (0.25, 0.0)


@pytest.mark.parametrize('probs', [(1, ), (0.5, 1.5)])
def test_mask_probs__wrong(probs):
    with pytest.raises(ValueError, match='expected 2 probabilities'):
        build().set_attn_mask_probs(probs)


def test_loss__names_every_prediction():
    head = build(query_losses=[dict(type='EIMLoss')]).train()
    losses = head.loss(feats(), samples(0, 2), None)
    parts = ('loss_mask', 'loss_dice', 'loss_cls', 'loss_eim')
    assert set(losses) == {
        f'{prefix}{part}'
        for prefix in ('d0.', 'd1.', '') for part in parts
    }
    assert all(torch.isfinite(loss) for loss in losses.values())


@pytest.mark.parametrize('losses', [
    [dict(type='EIMLoss'), dict(type='EIMLoss', temperature=2.0)],
    [dict(type='EIMLoss', loss_name='loss_cls')]
])
def test_query_losses__one_name_twice(losses):
    with pytest.raises(ValueError, match='different values .*, none of them '
                                         'loss_mask or loss_dice or'):
        build(query_losses=losses)


def test_query_losses__name_that_would_not_be_trained_on():
    with pytest.raises(ValueError, match="`query_losses` must contain 'loss'"):
        build(query_losses=[dict(type='EIMLoss', loss_name='eim')])


def test_loss__reaches_every_parameter():
    head = build(query_losses=[dict(type='EIMLoss')]).train()
    sum(head.loss(feats(), samples(0, 2), None).values()).backward()
    assert [n for n, p in head.named_parameters() if p.grad is None] == []


def test_loss__all_void_batch_has_no_mask_loss():
    head = build().train()
    losses = head.loss(feats(), samples(255, 255), None)
    assert losses['loss_mask'] == losses['loss_dice'] == 0
    sum(losses.values()).backward()
    assert all(p.grad is not None for p in head.parameters())


def test_loss__outliers_are_background_of_every_mask():
    head = build().train()
    label = torch.zeros(32, 48, dtype=torch.long)
    losses = {}
    for stored in (0, 254, 255):
        label[:, 24:] = stored
        torch.manual_seed(0)
        losses[stored] = head.loss(feats(1), [sample(label)], None)
    assert losses[254] == losses[255]
    assert losses[254]['loss_mask'] != losses[0]['loss_mask']


def test_loss_with_evidence__is_the_last_prediction():
    head = build().train()
    head.set_attn_mask_probs((0, 0))
    _, seg_logits = head.loss_with_evidence(feats(), samples(0, 1), None)
    expected = semantic_evidence(head(feats())[-1])['seg_logits']
    torch.testing.assert_close(seg_logits, expected)


def test_predict__is_the_semantic_evidence_at_input_size():
    head = build().eval()
    with torch.no_grad():
        seg_logits = head.predict(feats(), [{}, {}], None)
        evidence = head.predict_evidence(feats(), [{}, {}], None)
    assert seg_logits.shape == (2, 3, 32, 48)
    assert torch.equal(seg_logits, evidence['seg_logits'])


def test_predict__half_precision_keeps_fp32_evidence():
    head = build().eval()
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16):
        assert head.predict(feats(), [{}, {}], None).dtype == torch.float32


@pytest.mark.usefixtures('queries_may_be_absent')
def test_joint_blocks__without_queries_are_the_vit():
    head = build(num_queries=0).eval()
    head.set_attn_mask_probs((0, 0))
    expected = torch.cat([feats()[1], feats()[0].flatten(2).mT], dim=1)
    for block in head.blocks:
        expected = block(expected)
    seen = []
    head.norm.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    head(feats())
    torch.testing.assert_close(seen[-1], expected)


def test_parameters__what_belongs_to_the_vit():
    head = build()
    backbone = {n for n, _ in head.named_parameters()
                if head.is_backbone_param(f'decode_head.{n}', 'decode_head.')}
    assert 'norm.weight' in backbone
    assert 'blocks.0.attn.qkv.weight' in backbone
    assert not any(n.startswith(('queries', 'class_head', 'mask_head',
                                 'upscale')) for n in backbone)
    assert head.get_layer_depth('blocks.0.norm1.weight') == (1, 3)
    assert head.get_layer_depth('queries.weight') == (2, 3)


class _Model(torch.nn.Module):

    def __init__(self, size):
        super().__init__()
        arch = dict(embed_dim=48, num_heads=3, depth=5, reg_tokens=4,
                    no_embed_class=True, init_values=1e-5)
        self.backbone = EoMTViT(arch, size, num_joint_blocks=2)
        self.decode_head = EoMTDecodeHead(
            arch, size, num_joint_blocks=2, num_classes=5, num_queries=7)

    def forward(self, images_uint8):
        mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
        std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
        inputs = (torch.from_numpy(images_uint8) / 255 - mean) / std
        return self.decode_head(self.backbone(inputs))


@pytest.mark.parametrize('run', ['p1', 'p0', 'pmix'])
@pytest.mark.parametrize(('shape', 'size'), [('square', (64, 64)),
                                             ('rect', (64, 96))])
def test_reference__original_code(shape, size, run, reference_dir, load_tool,
                                  monkeypatch):
    stem = f'A_eomt_official_{shape}'
    io = np.load(reference_dir / f'{stem}_io.npz')
    meta = json.loads((reference_dir / 'A_eomt_official.json').read_text())
    convert = load_tool('model_converters/eomt2mmseg.py').convert
    model = _Model(size).train()
    model.load_state_dict(
        convert(load_file(reference_dir / f'{stem}_state.safetensors')))
    model.decode_head.set_attn_mask_probs(meta['runs'][shape][run]['probs'])
    numbers = iter(())
    if f'{run}.rand' in io:
        numbers = iter(torch.from_numpy(io[f'{run}.rand']))
        monkeypatch.setattr(torch, 'rand', lambda *_, **__: next(numbers))
    with torch.no_grad():
        predictions = model(io['images_uint8'])
    if run != 'p0':  # a block that masks nothing asks for none
        assert next(numbers, None) is None
    assert len(predictions) == len(io[f'{run}.mask_logits'])
    for layer, prediction in enumerate(predictions):
        for name in ('mask_logits', 'class_logits'):
            expected = torch.from_numpy(io[f'{run}.{name}'][layer])
            torch.testing.assert_close(
                getattr(prediction, name), expected, atol=1e-4, rtol=0)
    if run == 'p1':
        evidence = semantic_evidence(predictions[-1], size)['seg_logits']
        torch.testing.assert_close(
            evidence[0], torch.from_numpy(io['p1.per_pixel_logits']),
            atol=1e-4, rtol=0)
