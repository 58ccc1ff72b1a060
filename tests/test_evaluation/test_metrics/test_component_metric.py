import json
import math

import numpy as np
import pytest
from mmengine.config import ConfigDict
from mmengine.evaluator import Evaluator
from test_evaluation.conftest import evaluate, make_sample, square_sample

from mmseg_anomaly.evaluation import AnomalyMetric, ComponentMetric
from mmseg_anomaly.evaluation.metrics.component_metric import METRIC_NAMES

STORED = np.full(256, 255, np.uint8)
STORED[:2] = 0, 254


def _sample(label, name='road.png', **maps):
    """A sample from a label of 0, 1 and 255."""
    return make_sample(None, STORED[np.array(label, np.uint8)], name, **maps)


def _evaluate(samples, batch_size=1, **kwargs):
    return evaluate(ComponentMetric(**kwargs), samples, batch_size)


def test_evaluate__hand_computed(log):
    # The best F1 takes 8 of the 10 columns and nothing beside the object.
    label = np.zeros((10, 20), np.uint8)
    label[:, :10] = 1
    score = np.zeros((10, 20))
    score[:, :8] = 2
    values = _evaluate([_sample(label, rba=score)], track='obstacle')
    # F1 counts the 10 thresholds up to .75, all below .8.
    assert values == {
        f'component/{scorer}{name}': pytest.approx(value)
        for scorer in ('', 'rba/')
        for name, value in zip(METRIC_NAMES, (80, 100, 100), strict=True)
    }
    message = next(m for m in log if 'obstacle track' in m)
    for text in ('50 predicted and 10 true', 'protocol: exact', '|  rba   |'):
        assert text in message


def test_evaluate__every_scorer_has_its_own_threshold(log):
    values = _evaluate([square_sample(seed) for seed in range(3)],
                       track='obstacle')
    assert values['component/rba/sIoU'] == values['component/sIoU'] == 100
    assert values['component/msp/sIoU'] == pytest.approx(40)
    assert values['component/msp/PPV'] == 100
    only = _evaluate([square_sample(seed) for seed in range(3)],
                     track='obstacle', scorers=['msp'])
    assert only['component/sIoU'] == values['component/msp/sIoU']
    assert 'component/rba/sIoU' not in only


def test_evaluate__the_track_decides_which_components_count():
    samples = [square_sample(0)]
    assert math.isnan(_evaluate(samples, track='anomaly')['component/PPV'])
    assert _evaluate(samples, track='obstacle')['component/PPV'] == 100


@pytest.mark.parametrize('threshold, found', [(.5, 100), (1.5, 0)])
def test_evaluate__a_given_threshold_must_be_exceeded(threshold, found):
    label = np.ones((10, 10), np.uint8)
    score = np.full((10, 10), 1.5)
    values = _evaluate([_sample(label, rba=score)], track='obstacle',
                       threshold=threshold)
    assert values['component/sIoU'] == found


def test_evaluate__a_given_threshold_writes_nothing(tmp_path):
    metric = ComponentMetric(threshold=.5, spool_dir=str(tmp_path / 'spool'))
    metric.process(None, [_sample([[0, 1]], rba=[[0, 1]]).to_dict()])
    assert not (tmp_path / 'spool').exists()
    metric.evaluate(1)


def _threshold_file(folder, **content):
    path = folder / 'model.threshold.json'
    path.write_text(json.dumps({
        'threshold': .5, 'scorer': 'msp', 'checkpoint_sha256': '0', **content
    }))
    return str(path)


def test_evaluate__a_threshold_file_names_its_scorer(tmp_path):
    samples = [square_sample(seed) for seed in range(2)]
    values = _evaluate(samples, track='obstacle',
                       threshold=_threshold_file(tmp_path))
    assert values == _evaluate(samples, track='obstacle', threshold=.5,
                               scorers=['msp'])
    assert list(values) == [f'component/{scorer}{name}'
                            for scorer in ('', 'msp/')
                            for name in METRIC_NAMES]


def test_evaluate__leaves_no_file(tmp_path):
    metric = ComponentMetric(spool_dir=str(tmp_path / 'spool'))
    for _ in range(2):
        metric.process(None, [square_sample(0).to_dict()])
        # the file has no name, so that nothing can leak
        assert list((tmp_path / 'spool').iterdir()) == []
        metric.evaluate(1)
        assert list((tmp_path / 'spool').iterdir()) == []


@pytest.mark.parametrize('batch_size', [2, 5])
def test_evaluate__does_not_depend_on_batches_or_order(batch_size):
    samples = [square_sample(seed) for seed in range(5)]
    expected = _evaluate(samples, track='obstacle')
    assert _evaluate(samples[::-1], batch_size, track='obstacle') == expected


def test_evaluate__of_no_image_is_undefined_and_says_so(log):
    values = ComponentMetric().evaluate(0)
    assert all(math.isnan(value) for value in values.values())
    assert list(values) == [f'component/{name}' for name in METRIC_NAMES]
    assert any('saw no image' in message for message in log)


def test_protocols__round_scores_only_where_the_files_do():
    # In float16 the object falls to the threshold, which it must exceed.
    label = np.ones((10, 10), np.uint8)
    score = np.full((10, 10), 1 + 1e-5)
    samples = [_sample(label, rba=score)]
    found = [_evaluate(samples, track='obstacle', threshold=1.,
                       protocol=protocol)['component/sIoU']
             for protocol in ('exact', 'smiyc', 'smiyc_float16')]
    assert found == [100, 100, 0]


@pytest.mark.parametrize('metric, track', [
    ('SegEval-AnomalyTrack', 'anomaly'),
    ('SegEval-ObstacleTrack', 'obstacle')])
def test_official_flow__gives_the_official_numbers(reference_dir, metric,
                                                   track):
    cases = np.load(reference_dir / 'G_metrics_component_cases.npz')
    content = json.loads(
        (reference_dir / 'G_metrics_component_smiyc.json').read_text())
    reference = content['metrics'][metric]
    expected = reference['official_flow_all_but_all_void'][metric]
    names = list(reference['fixed_threshold']['0.5']['frames'])
    samples = [
        _sample(cases[f'{name}.label'], name, rba=cases[f'{name}.score'])
        for name in names
    ]
    values = _evaluate(samples, track=track, protocol='smiyc_float16')
    assert [values[f'component/{name}'] for name in METRIC_NAMES] == (
        pytest.approx([100 * expected[key] for key in (
            'sIoU_gt', 'prec_pred', 'f1_mean')], abs=1e-7, rel=0))


def test_init__rejects_what_does_not_exist(tmp_path):
    with pytest.raises(ValueError, match="`track` must be one of .* 'road'"):
        ComponentMetric(track='road')
    with pytest.raises(ValueError, match="`protocol` must be .* 'official'"):
        ComponentMetric(protocol='official')
    with pytest.raises(ValueError, match='must be a number, .* got nan'):
        ComponentMetric(threshold=math.nan)
    with pytest.raises(FileNotFoundError, match='no threshold file best'):
        ComponentMetric(threshold='best')
    with pytest.raises(ValueError, match="for the scorer 'msp', got .*rba"):
        ComponentMetric(threshold=_threshold_file(tmp_path), scorers=['rba'])


def test_process__one_threshold_serves_one_scorer():
    with pytest.raises(ValueError, match=r"0\.5 belongs to one scorer, "
                       r"images/0\.png has \('rba', 'msp'\)"):
        _evaluate([square_sample(0)], threshold=.5)


def test_process__the_scorers_to_rate_must_be_there():
    with pytest.raises(ValueError, match=r"has the scorers \('rba', 'msp'\)"):
        _evaluate([square_sample(0)], scorers=['eam'])


def test_process__scorers_may_not_change():
    with pytest.raises(ValueError, match=r"\('msp',\), the images before"):
        _evaluate([_sample([[0]], rba=[[0]]), _sample([[0]], msp=[[0]])])


@pytest.mark.parametrize('threshold', ['best_f1', .5])
def test_process__names_the_image_with_nan(threshold):
    with pytest.raises(ValueError, match=r'NaN among .*road\.png'):
        _evaluate([_sample([[0, 1]], rba=[[0, math.nan]])],
                  threshold=threshold)
    _evaluate([_sample([[0, 255]], rba=[[0, math.nan]])], threshold=threshold)


def test_component_metric__serves_beside_others_in_an_evaluator():
    evaluator = Evaluator([
        ConfigDict(type='mmseg.AnomalyMetric'),
        ConfigDict(type='mmseg.ComponentMetric', track='obstacle')
    ])
    evaluator.process([square_sample(0)])
    values = evaluator.evaluate(1)
    assert values['component/F1'] == values['anomaly/F1'] == 100


def _printed_threshold(log):
    """What the newest table has in its last column, 'score >'."""
    table = next(message for message in reversed(log) if 'score >' in message)
    return next(row for row in table.splitlines()
                if row.startswith('|  rba')).split('|')[-2].strip()


@pytest.mark.parametrize('protocol', ['exact', 'smiyc', 'smiyc_float16'])
@pytest.mark.parametrize('clumped', [False, True])
def test_best_f1__printed_threshold_reproduces_it(log, protocol, clumped):
    """Scores that tie with the best threshold are all or none flagged."""
    label = np.zeros((20, 20), np.uint8)
    label[:, :10] = 1
    score = label.astype(np.float32)
    if clumped:  # at 1, on both sides, and around it
        rng = np.random.default_rng(0)
        score = 1 - rng.choice([0, 2**-24, 2**-11], label.shape,
                               p=[.5, .3, .2]).astype(np.float32)
        score[:, 12:] -= .5
    samples = [_sample(label, rba=score)]
    options = dict(track='obstacle', protocol=protocol)
    best = _evaluate(samples, **options)
    printed = float(_printed_threshold(log))
    again = _evaluate(samples, threshold=printed, **options)
    assert again == pytest.approx(best, nan_ok=True, abs=0, rel=0)
    if protocol == 'exact':  # the official bins end at 1, and > 1 is nothing
        assert best['component/F1'] == again['component/F1'] == 100


def test_best_f1__of_anomaly_metric_is_that_of_the_components(log):
    samples = [square_sample(seed) for seed in range(3)]
    best = _evaluate(samples, track='obstacle', scorers=['msp'])
    threshold = evaluate(AnomalyMetric(), samples)['anomaly/msp/F1_threshold']
    assert f'{threshold!r}' in next(m for m in log if 'F1 at score >' in m)
    assert _evaluate(samples, track='obstacle', scorers=['msp'],
                     threshold=threshold) == best
