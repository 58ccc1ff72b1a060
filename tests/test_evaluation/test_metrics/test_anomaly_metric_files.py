"""The files that AnomalyMetric writes."""
import json

import numpy as np
import pytest
from test_evaluation.conftest import evaluate, make_sample, random_samples

from mmseg_anomaly.evaluation import AnomalyMetric
from mmseg_anomaly.evaluation.metrics.streaming_metric import anomaly_label
from mmseg_anomaly.evaluation.pixels.smiyc import SmiycPixels

NAMES = ('AuPRC', 'FPR95', 'AUROC', 'F1')


def _below(score):
    """The threshold that a score exceeds by the least."""
    return float(np.nextafter(np.float32(score), np.float32(-np.inf)))


def _evaluate(samples, batch_size=1, **kwargs):
    return evaluate(AnomalyMetric(**kwargs), samples, batch_size)


def test_summary_path__receives_all_that_was_measured(tmp_path):
    path = tmp_path / 'new' / 'summary.json'
    _evaluate([
        make_sample(scores, labels, rba=None, msp=[0.] * len(scores))
        for scores, labels in (([9., 1., 99.], [254, 253, 255]),
                               ([5., 3., -99.], [3, 254, 255]),
                               ([-9., -9.], [0, 255]))
    ], summary_path=str(path))
    summary = json.loads(path.read_text())
    scorers = summary.pop('scorers')
    assert summary == {
        'version': 1, 'protocol': 'whole image', 'metric_protocol': 'exact',
        'num_images': 3, 'num_normal_images': 1,
        'bootstrap': None, 'num_pixels': 5, 'num_positives': 2
    }
    assert list(scorers) == ['rba', 'msp']
    assert scorers['msp']['values']['AUROC'] == 50
    assert scorers['rba']['bounds'] == dict.fromkeys(NAMES, 0)
    assert scorers['rba']['F1_threshold'] == _below(3)
    assert scorers['rba']['merged_bits'] == 0
    assert scorers['rba']['curves'] == {
        'thresholds': [_below(score) for score in (9, 5, 3, 1, -9)],
        'recall': [.5, .5, 1, 1, 1],
        'precision': [1, 1 / 2, 2 / 3, 2 / 4, 2 / 5],
        'fpr': pytest.approx([0, 1 / 3, 1 / 3, 2 / 3, 1])
    }
    assert scorers['rba']['intervals'] is scorers['rba']['images'] is None


def test_summary_path__of_no_image_has_no_scorer(tmp_path):
    path = tmp_path / 'summary.json'
    AnomalyMetric(summary_path=str(path)).evaluate(0)
    assert json.loads(path.read_text())['scorers'] == {}


def _summary(samples, path, **kwargs):
    _evaluate(samples, summary_path=str(path), **kwargs)
    return json.loads(path.read_text())


def test_summary_path__has_rows_and_intervals_where_asked_for(tmp_path, log):
    options = dict(replicates=20, level=.8, seed=1)
    summary = _summary(random_samples(4), tmp_path / 'a.json',
                       bootstrap=options, per_image=True)
    assert summary['bootstrap'] == options
    for scorer in summary['scorers'].values():
        rows = scorer['images']
        assert [row['image'] for row in rows] == [
            f'images/{index}.png' for index in range(4)
        ]
        assert sum(row['pixels'] for row in rows) == summary['num_pixels']
        assert sum(row['positives'] for row in rows) == (
            summary['num_positives'])
        for name, (low, high) in scorer['intervals'].items():
            assert 0 <= low < scorer['values'][name] < high <= 100
    low, high = summary['scorers']['rba']['intervals']['AuPRC']
    assert any(f'[{low:.2f}, {high:.2f}]' in message for message in log)


def test_summary_path__rows_are_those_of_each_image_alone(tmp_path):
    samples = random_samples(2)
    summary = _summary(samples, tmp_path / 'a.json', per_image=True)
    for sample, row in zip(samples, summary['scorers']['rba']['images'],
                           strict=True):
        values = _evaluate([sample])
        assert row['AuPRC'] == values['anomaly/AuPRC']
        assert row['FPR95'] == values['anomaly/FPR95']


@pytest.mark.parametrize('protocol', ['smiyc', 'smiyc_float16'])
def test_protocol__gives_the_numbers_of_the_official_bins(protocol, tmp_path):
    samples = random_samples(3)
    summary = _summary(samples, tmp_path / 'a.json', protocol=protocol)
    assert summary['metric_protocol'] == protocol
    pixels = SmiycPixels(protocol == 'smiyc_float16')
    for index, sample in enumerate(samples):
        label = anomaly_label(sample.to_dict(), {})
        pixels.count_image(str(index), sample.pred_anomaly_map.data[0].numpy(),
                      label)
    ranking, _ = pixels.rank()
    assert summary['scorers']['rba']['values'] == ranking.values
    assert summary['scorers']['rba']['F1_threshold'] == ranking.threshold
    exact = _evaluate(samples)
    assert ranking.values['AuPRC'] != exact['anomaly/AuPRC']
    assert ranking.values['AuPRC'] == pytest.approx(exact['anomaly/AuPRC'],
                                                    abs=1)


def test_output_dir__receives_float32_maps(tmp_path):
    _evaluate([make_sample([.1, 2.], [254, 0], 'a.b.png')],
              output_dir=str(tmp_path / 'maps'), keep_results=True)
    stored = np.load(tmp_path / 'maps' / 'a.b_anomaly.npy')
    assert stored.dtype == np.float32
    assert np.array_equal(stored, np.array([[.1, 2.]], np.float32))


def test_format_only__writes_without_labels(tmp_path, log):
    assert _evaluate([make_sample([.1, 2.], None)], output_dir=str(tmp_path),
                     format_only=True) == {}
    assert (tmp_path / 'road_anomaly.npy').exists()
    assert any(str(tmp_path) in message for message in log)
