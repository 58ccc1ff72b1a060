import numpy as np
import pytest
import torch

from mmseg_anomaly.evaluation import AnomalyMetric
from mmseg_anomaly.evaluation.heatmap_files import (
    rounding_losses,
    write_heatmap,
)
from mmseg_anomaly.evaluation.metrics.float16_metric import (
    Float16AnomalyMetric,
)

pytest.importorskip('h5py')


def sample(label, **maps):
    maps = {name: torch.tensor(scores)[None, None]
            for name, scores in maps.items()}
    return dict(
        img_path='a.png', anomaly_scorers=tuple(maps),
        pred_anomaly_map=dict(data=next(iter(maps.values()))),
        gt_sem_seg=dict(data=torch.tensor(label)[None, None]),
        **{f'anomaly_map_{name}': dict(data=scores)
           for name, scores in maps.items()})


def evaluate(metric, *samples):
    metric.process(None, samples)
    return metric.evaluate(len(samples))


def test_metric__ties_scores_that_clump_near_one():
    # .9990 and .9991 differ by less than 2 ** -11
    made = sample([254, 0], near_one=[.9991, .9990], spread=[.3, .2])
    values = evaluate(Float16AnomalyMetric(), made)
    assert values['float16/near_one/AuPRC'] == 50
    assert values['float16/spread/AuPRC'] == 100
    assert rounding_losses(values | evaluate(AnomalyMetric(), made)) == dict(
        near_one=50, spread=0)


def test_metric__leaves_the_sample_as_it_was():
    made = sample([254, 0], near_one=[.9991, .9990])
    Float16AnomalyMetric().process(None, [made])
    assert made['pred_anomaly_map']['data'][0, 0, 0] == np.float32(.9991)


def test_metric__equals_the_metric_of_written_files(tmp_path):
    rng = np.random.default_rng(0)
    label = rng.choice([0, 254, 255], 5000, p=[.9, .05, .05])
    scores = (1 - rng.gamma(2, 1e-3, 5000) + 2e-3 * (label == 254)).astype(
        np.float32)
    written = write_heatmap(tmp_path / 'a.hdf5', scores[None])[0]
    live = evaluate(Float16AnomalyMetric(),
                    sample(label.tolist(), rba=scores.tolist()))
    read = evaluate(AnomalyMetric(prefix='float16'),
                    sample(label.tolist(), rba=written.tolist()))
    assert live == read
    exact = evaluate(AnomalyMetric(),
                     sample(label.tolist(), rba=scores.tolist()))
    assert exact['anomaly/AuPRC'] != live['float16/AuPRC']
