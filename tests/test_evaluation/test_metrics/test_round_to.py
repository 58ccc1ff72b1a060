"""AnomalyMetric on scores as the heat map files hold them."""
import numpy as np
import pytest
from mmseg.registry import METRICS
from test_evaluation.conftest import evaluate, make_sample, random_samples

from mmseg_anomaly.evaluation import AnomalyMetric, Float16AnomalyMetric
from mmseg_anomaly.evaluation.heatmap_files import (
    rounding_losses,
    write_heatmap,
)

pytest.importorskip('h5py')


def test_metric__ties_scores_that_clump_near_one():
    # .9990 and .9991 differ by less than 2 ** -11
    made = make_sample(None, [254, 0], near_one=[.9991, .9990],
                       spread=[.3, .2])
    values = evaluate(Float16AnomalyMetric(), [made])
    assert values['float16/near_one/AuPRC'] == 50
    assert values['float16/spread/AuPRC'] == 100
    assert rounding_losses(values | evaluate(AnomalyMetric(), [made])) == dict(
        near_one=50, spread=0)


def test_metric__leaves_the_sample_as_it_was():
    made = make_sample(None, [254, 0], near_one=[.9991, .9990])
    Float16AnomalyMetric().process(None, [made.to_dict()])
    assert made.pred_anomaly_map.data[0, 0, 0] == np.float32(.9991)


def test_metric__equals_the_metric_of_written_files(tmp_path):
    rng = np.random.default_rng(0)
    label = rng.choice([0, 254, 255], 5000, p=[.9, .05, .05])
    scores = (1 - rng.gamma(2, 1e-3, 5000) + 2e-3 * (label == 254)).astype(
        np.float32)
    written = write_heatmap(tmp_path / 'a.hdf5', scores[None])[0]
    live = evaluate(Float16AnomalyMetric(),
                    [make_sample(scores, label, rba=None)])
    read = evaluate(AnomalyMetric(prefix='float16'),
                    [make_sample(written, label, rba=None)])
    assert live == read
    exact = evaluate(AnomalyMetric(),
                     [make_sample(scores, label, rba=None)])
    assert exact['anomaly/AuPRC'] != live['float16/AuPRC']


@pytest.mark.parametrize('protocol', ['exact', 'smiyc'])
def test_round_to__is_what_the_thin_names_stand_for(protocol):
    samples = random_samples(2)
    name = dict(exact=dict(type='Float16AnomalyMetric', prefix='anomaly'),
                smiyc=dict(type='AnomalyMetric', protocol='smiyc_float16'))
    option = AnomalyMetric(protocol=protocol, round_to='float16')
    assert evaluate(option, samples) == evaluate(
        METRICS.build(name[protocol]), samples)
    with pytest.raises(ValueError, match="None, 'float16'.*'int8'"):
        AnomalyMetric(round_to='int8')
