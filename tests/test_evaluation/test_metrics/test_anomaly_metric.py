import math
import tracemalloc

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.evaluator import Evaluator
from mmengine.structures import PixelData
from mmseg.registry import METRICS
from test_evaluation.conftest import evaluate, make_sample, random_samples

from mmseg_anomaly.evaluation import AnomalyMetric

NAMES = ('AuPRC', 'FPR95', 'AUROC', 'F1', 'F1_threshold')


def _below(score):
    """The threshold that a score exceeds by the least."""
    return float(np.nextafter(np.float32(score), np.float32(-np.inf)))


def _evaluate(samples, batch_size=1, **kwargs):
    return evaluate(AnomalyMetric(**kwargs), samples, batch_size)


def test_evaluate__pools_the_pixels_of_all_images():
    # Falling scores: anomaly, class 3, anomaly, known; the rest is void.
    values = _evaluate([
        make_sample([9., 1., 99.], [254, 253, 255]),
        make_sample([5., 3., -99.], [3, 254, 255])
    ])
    assert values == {
        'anomaly/AuPRC': pytest.approx(100 * (1 + 2 / 3) / 2),
        'anomaly/FPR95': 50,
        'anomaly/AUROC': 75,
        'anomaly/F1': pytest.approx(100 * 4 / 5),
        'anomaly/F1_threshold': _below(3)
    }
    assert all(type(value) is float for value in values.values())


def test_evaluate__reports_every_scorer_and_the_first_one_plainly():
    values = _evaluate(
        [make_sample([2., 1.], [254, 0], rba=None, energy=[1., 2.])])
    assert values['anomaly/rba/AUROC'] == values['anomaly/AUROC'] == 100
    assert values['anomaly/energy/AUROC'] == 0
    assert set(values) == {
        f'anomaly/{scorer}{name}'
        for scorer in ('', 'rba/', 'energy/') for name in NAMES
    }


def test_evaluate__a_single_scorer_reads_the_plain_map():
    sample = make_sample([2., 1.], [254, 0], msp=None)
    del sample.anomaly_map_msp
    assert _evaluate([sample])['anomaly/msp/AUROC'] == 100


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_process__half_precision_is_widened(dtype):
    sample = make_sample([2., 1.], [254, 0])
    sample.pred_anomaly_map.data = sample.pred_anomaly_map.data.to(dtype)
    assert _evaluate([sample])['anomaly/AUROC'] == 100


@pytest.mark.parametrize('batch_size', [2, 7])
def test_evaluate__does_not_depend_on_batches_or_order(batch_size):
    samples = random_samples(7)
    expected = _evaluate(samples)
    assert _evaluate(samples[::-1], batch_size) == expected


def test_evaluate__starts_anew_each_time():
    metric = AnomalyMetric()
    first = make_sample([2., 1.], [254, 0])
    second = make_sample([1., 2.], [254, 0])
    for sample, auroc in ((first, 100), (second, 0), (first, 100)):
        metric.process(None, [sample.to_dict()])
        assert metric.evaluate(1)['anomaly/AUROC'] == auroc


def test_evaluate__without_any_anomaly_is_undefined_and_says_so(log):
    values = _evaluate([make_sample([1., 2.], [0, 253])])
    assert all(math.isnan(value) for value in values.values())
    assert list(values) == [f'anomaly/{name}' for name in NAMES]
    assert any('no anomaly: AuPRC' in message for message in log)


def test_evaluate__all_void_and_no_image_are_undefined(log):
    values = _evaluate([make_sample([1., 2.], [255, 255])])
    assert math.isnan(values['anomaly/AuPRC'])
    values = AnomalyMetric().evaluate(0)
    assert math.isnan(values['anomaly/AuPRC'])
    assert any('saw no image' in message for message in log)


def test_evaluate__logs_what_the_numbers_rest_on(log):
    _evaluate([
        make_sample([2., 1., 0.], [254, 0, 255], rba=None),
        make_sample([2., 1.], [1, 0], rba=None)
    ])
    message = next(m for m in log if 'anomaly scores' in m)
    for text in ('4 pixels, 1 of them anomalous', '2 images, 1 of them',
                 'protocol: whole image', '|  rba   |', 'merged bits',
                 'proved error <='):
        assert text in message


def test_process__names_the_image_with_nan():
    with pytest.raises(ValueError, match=r'NaN among .*images/road\.png'):
        _evaluate([make_sample([1., math.nan], [254, 0])])
    _evaluate([make_sample([1., math.nan], [254, 255])])


def test_process__names_the_image_that_does_not_fit_its_label():
    with pytest.raises(ValueError, match=r'images/road\.png must have the '
                       r'shape of its label \(1, 3\), got \(1, 2\)'):
        _evaluate([make_sample([1., 2.], [254, 0, 0])])


@pytest.mark.parametrize('label', [-1, 256])
def test_process__names_the_image_with_an_id_beyond_8_bit(label):
    low, high = sorted([254, label])
    with pytest.raises(ValueError, match=r'images/road\.png must lie in '
                       rf'\[0, 255\], got ids from {low} to {high}'):
        _evaluate([make_sample([1., 2.], [254, label])])


def test_process__names_what_is_missing():
    sample = make_sample([1., 2.], [254, 0])
    del sample.pred_anomaly_map
    with pytest.raises(KeyError, match=r'road\.png has no `pred_anomaly_map'):
        _evaluate([sample])
    with pytest.raises(KeyError, match='comes without `gt_sem_seg`'):
        _evaluate([make_sample([1., 2.], None)])


def test_process__scorers_may_not_change():
    with pytest.raises(ValueError, match=r"\('rba',\), the images before"):
        _evaluate([
            make_sample([1.], [0], msp=None), make_sample([1.], [0], rba=None)
        ])


def test_process__two_thousand_images_take_no_more_memory():
    metric = AnomalyMetric()
    rng = np.random.default_rng(0)
    samples = [make_sample(rng.normal(size=9) + [3, *[0] * 8], [254, *[0] * 8],
                       f'{index}.png').to_dict() for index in range(10)]
    held = []
    for index in range(2000):
        if index == 500:
            tracemalloc.start()
        if index % 500 == 499:
            held.append(tracemalloc.get_traced_memory()[0])
        metric.process(None, [samples[index % 10]])
    tracemalloc.stop()
    assert held[-1] - held[1] < 20_000  # 20 bytes an image
    assert metric.evaluate(2000)['anomaly/AuPRC'] > 50


def test_init__rejects_what_would_have_no_effect():
    with pytest.raises(ValueError, match='needs `output_dir`, got None'):
        AnomalyMetric(format_only=True)
    with pytest.raises(ValueError, match='`keep_results=False`'):
        AnomalyMetric('maps', keep_results=False)
    with pytest.raises(ValueError, match='needs `summary_path`, got None'):
        AnomalyMetric(per_image=True)
    with pytest.raises(ValueError, match="must be one of .* got 'official'"):
        AnomalyMetric(protocol='official')
    with pytest.raises(TypeError, match='ignor_index'):
        AnomalyMetric(ignor_index=0)


def test_anomaly_metric__serves_beside_iou_in_an_evaluator():
    evaluator = Evaluator([
        ConfigDict(type='mmseg.SemanticIoUMetric'),
        ConfigDict(type='mmseg.AnomalyMetric')
    ])
    evaluator.dataset_meta = {'classes': ('road', 'sky')}
    sample = make_sample([2., 1.], [254, 1])
    sample.pred_sem_seg = PixelData(data=torch.ones(1, 1, 2).long())
    evaluator.process([sample])
    values = evaluator.evaluate(1)
    assert values['anomaly/AUROC'] == values['mIoU'] == 100


def test_registry__knows_the_metric():
    assert METRICS.get('AnomalyMetric') is AnomalyMetric
