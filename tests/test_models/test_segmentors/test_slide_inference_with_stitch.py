import copy

import pytest
import torch
from test_models.test_segmentors.small_models import (
    COPY,
    ERFNET,
    UPERNET,
    build,
    sample,
    slide,
)

import mmseg_anomaly  # noqa: F401


@pytest.mark.parametrize('parts', [ERFNET, UPERNET], ids=['erfnet', 'upernet'])
@pytest.mark.parametrize('stride', [(32, 32), (20, 13)])
@torch.no_grad()
def test_predict__of_a_native_model_equals_its_own_slide_mode(parts, stride):
    settings = slide(stride=stride)
    native = build(
        parts, 'EncoderDecoder',
        test_cfg={'mode': 'slide', 'crop_size': (32, 32), 'stride': stride})
    model = build(parts, test_cfg=settings)
    inputs = torch.randn(1, 3, 40, 72)
    expected = native.predict(inputs, [sample((40, 72), (80, 144))])[0]
    result = model.predict(inputs, [sample((40, 72), (80, 144))])[0]
    torch.testing.assert_close(result.seg_logits.data,
                               expected.seg_logits.data)
    assert torch.equal(result.pred_sem_seg.data, expected.pred_sem_seg.data)


@torch.no_grad()
def test_predict__whole_mode_equals_the_native_whole_mode():
    inputs = torch.randn(2, 3, 40, 72)
    native = build(ERFNET, 'EncoderDecoder', test_cfg={'mode': 'whole'})
    expected = native.predict(inputs, [sample((40, 72)) for _ in range(2)])
    results = build(ERFNET).predict(inputs)
    for result, native_result in zip(results, expected, strict=True):
        torch.testing.assert_close(result.seg_logits.data,
                                   native_result.seg_logits.data)


@torch.no_grad()
def test_predict__fields_of_the_contract():
    model = build(ERFNET, test_cfg=slide(['energy', 'entropy']))
    result = model.predict(torch.randn(1, 3, 40, 72),
                           [sample((40, 72), (20, 36))])[0]
    assert result.seg_logits.shape == (20, 36)
    assert result.pred_sem_seg.data.shape == (1, 20, 36)
    assert result.pred_sem_seg.data.dtype == torch.int64
    assert result.pred_anomaly_map.data.shape == (1, 20, 36)
    assert result.pred_anomaly_map.data.dtype == torch.float32
    assert result.pred_anomaly_map.data is result.anomaly_map_energy.data
    assert result.metainfo['anomaly_scorers'] == ('energy', 'entropy')
    assert result.metainfo['anomaly_protocol'] == (
        'windows (32, 32), stride even, uniform weights')
    torch.testing.assert_close(
        result.anomaly_map_energy.data,
        -result.seg_logits.data.logsumexp(0, keepdim=True))


@torch.no_grad()
def test_predict__names_the_image_of_a_broken_model():
    model = build(ERFNET, test_cfg=slide(['energy', 'entropy']))
    model.decode_head.conv_seg.bias[1] = torch.nan
    with pytest.raises(ValueError, match="evidence 'seg_logits' of a.png "):
        model.predict(torch.randn(1, 3, 40, 72),
                      [sample((40, 72), (20, 36), img_path='a.png')])


@torch.no_grad()
def test_predict__scores_the_enlarged_evidence_and_ignores_other_channels():
    model = build(COPY, test_cfg=slide(['eam', 'msp']))
    inputs = torch.zeros(1, 3, 32, 32)
    inputs[0, 1] = .25  # class 1 everywhere
    inputs[0, 0, :, :16] = 1.
    result = model.predict(inputs, [sample((32, 32), (64, 64))])[0]
    assert set(result.pred_sem_seg.data.unique().tolist()) == {0, 1}
    assert result.seg_logits.data.shape[0] == 3
    # between columns 15 (1) and 16 (0): 0.75 and 0.25
    assert result.anomaly_map_eam.data[0, 0, 30:34].tolist() == [
        0, .25, .75, 1
    ]
    assert result.anomaly_map_msp.data[0, 0, 30:34].tolist() == [
        0, .25, .75, .75
    ]


@torch.no_grad()
@pytest.mark.parametrize('weight', ['uniform', 'hann'])
def test_predict__is_independent_of_window_batches_and_of_the_batch(weight):
    inputs = torch.randn(2, 3, 40, 90)
    results = []
    for window_batch_size in (1, 3, 100):
        model = build(
            ERFNET,
            test_cfg=slide(
                window_weight=weight, window_batch_size=window_batch_size))
        alone = [model.predict(image[None])[0] for image in inputs]
        for predictions in (model.predict(inputs), alone):
            results.append([p.seg_logits.data for p in predictions])
    for result in results[1:]:
        torch.testing.assert_close(result, results[0], atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_predict__different_original_sizes_in_one_batch():
    model = build(COPY, test_cfg=slide('msp'))
    inputs = torch.rand(2, 3, 40, 40)
    results = model.predict(
        inputs, [sample((40, 40), (80, 20)), sample((40, 40), (13, 40))])
    assert results[0].pred_anomaly_map.shape == (80, 20)
    assert results[1].pred_anomaly_map.shape == (13, 40)


@torch.no_grad()
@pytest.mark.parametrize('step', ['test_step', 'val_step'])
def test_steps__take_images_of_different_sizes(step):
    model = build(
        COPY, test_cfg=slide('msp'),
        data_preprocessor={'type': 'SegDataPreProcessor'})
    images = [torch.rand(3, 40, 50), torch.rand(3, 64, 32)]
    samples = [sample((40, 50)), sample((64, 32))]
    results = getattr(model, step)({'inputs': images, 'data_samples': samples})
    for image, result in zip(images, results, strict=True):
        torch.testing.assert_close(result.seg_logits.data, image)


@torch.no_grad()
def test_predict__window_larger_than_the_image():
    model = build(COPY, test_cfg=slide('msp'))
    inputs = torch.rand(1, 3, 20, 90) + 1
    result = model.predict(inputs, [sample((20, 90))])[0]
    torch.testing.assert_close(result.seg_logits.data, inputs[0])


@torch.no_grad()
def test_predict__cuts_padding_and_undoes_the_flip():
    image = torch.rand(1, 3, 30, 40)
    for direction, dims in [('horizontal', [3]), ('vertical', [2]),
                            ('diagonal', [2, 3])]:
        padded = torch.nn.functional.pad(
            image.flip(dims), (1, 2, 3, 4), value=9.)
        meta = sample(
            (30, 40), padding_size=(1, 2, 3, 4), flip=True,
            flip_direction=direction)
        result = build(COPY, test_cfg=slide('msp')).predict(padded, [meta])[0]
        torch.testing.assert_close(result.seg_logits.data, image[0])


@torch.no_grad()
def test_predict__leaves_metas_untouched_and_tells_heads_the_window():
    model = build(COPY, test_cfg=slide('msp'))
    samples = [sample((40, 40), (80, 80), img_path=f'{i}.png')
               for i in range(2)]
    before = [copy.deepcopy(item.metainfo) for item in samples]
    model.stitch_evidence(
        torch.rand(2, 3, 40, 40), [item.metainfo for item in samples])
    assert [item.metainfo for item in samples] == before
    assert [meta['img_path'] for meta in model.decode_head.metas
            ] == ['0.png'] * 4 + ['1.png'] * 4
    assert all(isinstance(meta['img_shape'], torch.Size) and
               meta['img_shape'] == meta['pad_shape'] == (32, 32)
               for meta in model.decode_head.metas)


@torch.no_grad()
def test_inference__returns_the_stitched_logits():
    inputs = torch.rand(1, 3, 40, 50)
    model = build(COPY, test_cfg=slide('msp'))
    torch.testing.assert_close(model.inference(inputs, [{}]), inputs)


def test_predict__says_when_a_head_does_not_fill_the_window():
    model = build(COPY, test_cfg=slide('msp'))
    model.backbone.forward = lambda inputs: (inputs[..., ::2, ::2], )
    with pytest.raises(ValueError, match=r"expected 'seg_logits' of size"):
        model.predict(torch.rand(1, 3, 40, 50))


@pytest.mark.parametrize('test_cfg, message', [
    ({'mode': 'slde'}, "`test_cfg.mode` .*'slide', 'whole'"),
    ({'mode': 'slide'}, 'needs a `crop_size`'),
    (slide(stride=(33, 1)), '`stride` must lie between 1 and `crop_size`'),
    (slide(window_weight='box'), '`test_cfg.window_weight` must be one of'),
    (slide(window_batch_size=0), '`test_cfg.window_batch_size` must be at'),
    (slide(strides=(1, 1)), r"unknown keys \['strides'\]"),
    (slide('msp'), "plain logits; use 'softmax_msp'"),
])
def test_init__refuses_wrong_settings(test_cfg, message):
    with pytest.raises(ValueError, match=message):
        build(ERFNET, test_cfg=test_cfg)


def test_init__refuses_one_output_channel():
    parts = copy.deepcopy(ERFNET)
    parts['decode_head'] |= {'num_classes': 2, 'out_channels': 1,
                             'threshold': .5}
    with pytest.raises(ValueError, match='out_channels must be at least 2'):
        build(parts)


def test_predict__one_class_of_a_mask_classifier():
    vit = dict(arch=dict(embed_dim=12, depth=3, num_heads=3),
               img_size=(16, 24), patch_size=8, num_joint_blocks=2)
    model = build(
        dict(backbone=dict(type='EoMTViT', **vit),
             decode_head=dict(
                 type='PixelAnomalyHead', hidden_dim=8,
                 semantic_head=dict(type='EoMTDecodeHead', num_classes=1,
                                    num_queries=1, **vit))),
        test_cfg=slide(['msp', 'pixel_head'], crop_size=(16, 24))).eval()
    with torch.no_grad():
        [result] = model.predict(torch.rand(1, 3, 16, 40),
                                 [sample((16, 40))])
    assert result.seg_logits.data.shape == (1, 16, 40)
    assert not result.pred_sem_seg.data.any()  # the only class
    torch.testing.assert_close(result.anomaly_map_msp.data,
                               1 - result.seg_logits.data)
    assert ((result.anomaly_map_pixel_head.data > 0)
            & (result.anomaly_map_pixel_head.data < 1)).all()


def test_init__keeps_the_parameter_names_of_the_native_segmentor():
    native = build(UPERNET, 'EncoderDecoder')
    assert set(build(UPERNET).state_dict()) == set(native.state_dict())
