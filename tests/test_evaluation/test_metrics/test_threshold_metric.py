import json
import math

import numpy as np
import pytest
from test_evaluation.conftest import evaluate, make_sample

from mmseg_anomaly.evaluation.metrics.threshold_metric import ThresholdMetric

SCORES = [0., .1, .2, .3, .4, .5]


def test_metric__reports_what_the_threshold_reaches(tmp_path):
    path = tmp_path / 'new' / 'a.threshold.json'
    metric = ThresholdMetric(
        fpr=0.25, path=str(path), facts=dict(checkpoint_sha256='ab'))
    values = evaluate(
        metric, [make_sample(SCORES[:3], [0, 253, 255], rba=None),
                 make_sample(SCORES[3:], [0, 0, 254], rba=None)])

    # of 0, .1, .3, .4 the last may be flagged
    assert values['threshold/FPR'] == 0.25
    assert values['threshold/TPR'] == 1
    assert np.float32(.3) <= values['threshold/threshold'] < np.float32(.4)
    content = json.loads(path.read_text())
    assert content == dict(
        scorer='rba', threshold=values['threshold/threshold'],
        rule='score > threshold', target=dict(fpr=0.25),
        reached=dict(fpr=0.25, tpr=1.0), pixels=5, anomalous_pixels=1,
        images=2, windows='whole image', checkpoint_sha256='ab')


def test_metric__writes_null_for_a_rate_that_is_undefined(tmp_path):
    path = tmp_path / 'a.json'
    values = evaluate(ThresholdMetric(fpr=0., path=str(path)),
                      [make_sample(SCORES, [0] * 6)])
    assert math.isnan(values['threshold/TPR'])
    assert json.loads(path.read_text())['reached'] == dict(
        fpr=0.0, tpr=None)


def test_metric__counts_a_second_test_anew():
    metric = ThresholdMetric(tpr=1.)
    first = evaluate(metric, [make_sample(SCORES, [0, 0, 0, 254, 254, 254])])
    assert (first['threshold/FPR'], first['threshold/TPR']) == (0, 1)
    second = evaluate(metric, [make_sample(SCORES, [0, 254, 0, 0, 0, 0])])
    assert (second['threshold/FPR'], second['threshold/TPR']) == (.8, 1)


@pytest.mark.parametrize('target', [dict(fpr=2), dict(tpr=0), {}])
def test_metric__checks_its_target_at_once(target):
    with pytest.raises(ValueError, match='`fpr`|`tpr` must lie'):
        ThresholdMetric(**target)
