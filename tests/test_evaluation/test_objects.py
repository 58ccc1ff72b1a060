import json
import math

import numpy as np
import pytest

from mmseg_anomaly.evaluation.objects import (
    THRESHOLDS,
    TRACKS,
    MinSizes,
    component_metrics,
    match_components,
    sum_components,
)

ANY_SIZE = MinSizes(1, 1)


def _match(predicted, label, min_sizes=ANY_SIZE):
    return match_components(
        np.array(predicted, bool), np.array(label, np.uint8), min_sizes)


def test_match_components__hand_computed():
    # The prediction covers 2 of 3 pixels of the object and 1 beside it.
    matches = _match([[0, 1, 1, 1, 0]], [[1, 1, 1, 0, 0]])
    assert matches.siou.tolist() == [2 / 4]
    assert matches.ppv.tolist() == [2 / 3]
    assert matches.predicted_siou.tolist() == [2 / 4]
    assert (matches.size.tolist(), matches.predicted_size.tolist()) == ([3],
                                                                        [3])


def test_match_components__pixels_in_other_objects_do_not_enlarge_the_union():
    # One prediction over two objects and the gap between them.
    matches = _match([[1, 1, 1, 1, 1, 1]], [[1, 1, 0, 1, 1, 1]])
    assert matches.siou.tolist() == [2 / 3, 3 / 4]
    assert matches.ppv.tolist() == [5 / 6]


def test_match_components__all_predictions_that_touch_an_object_are_united():
    matches = _match([[1, 1, 0, 1, 1, 0, 1]], [[0, 1, 1, 1, 0, 0, 0]])
    assert matches.siou.tolist() == [2 / 5]
    assert matches.ppv.tolist() == [1 / 2, 1 / 2, 0]
    assert matches.predicted_siou.tolist() == [1 / 3, 1 / 3, 0]


def test_match_components__diagonal_neighbours_are_one_component():
    mask = np.eye(4)
    assert _match(mask, mask).size.tolist() == [4]


def test_match_components__void_divides_predictions_and_is_not_counted():
    matches = _match([[1, 1, 1, 1, 1]], [[1, 1, 255, 0, 0]])
    assert matches.ppv.tolist() == [1, 0]
    assert matches.siou.tolist() == [1]


def test_match_components__small_ones_are_dropped_and_become_void():
    predicted = [[1, 1, 1, 1, 0, 0, 1, 1]]
    label = [[1, 1, 1, 0, 0, 0, 1, 0]]
    matches = _match(predicted, label, MinSizes(3, 1))
    assert matches.predicted_size.tolist() == [4]
    assert matches.siou.tolist() == [3 / 4, 0]
    # The object of one pixel is cut out of the second prediction.
    matches = _match(predicted, label, MinSizes(2, 3))
    assert matches.predicted_size.tolist() == [4, 1]
    assert matches.siou.tolist() == [3 / 4]
    assert matches.ppv.tolist() == [3 / 4, 0]


def test_match_components__a_small_rest_of_the_image_becomes_void():
    matches = _match([[1, 1, 1, 1, 1, 1]], [[1, 1, 1, 1, 1, 0]],
                     MinSizes(1, 2))
    assert matches.predicted_size.tolist() == [5]
    assert matches.ppv.tolist() == [1]


def test_match_components__of_all_void_is_empty():
    matches = _match([[1, 1]], [[255, 255]])
    assert matches.siou.size == matches.ppv.size == 0


def test_match_components__needs_one_shape():
    with pytest.raises(ValueError, match=r'one shape, got \(1, 2\) and \(1'):
        _match([[1, 1]], [[1]])


def test_component_metrics__hand_computed():
    # sIoU 2/3 and 3/4 and 0, PPV 5/6 and 0.
    first = sum_components(_match([[1] * 6], [[1, 1, 0, 1, 1, 1]]))
    second = sum_components(_match([[1, 0, 0]], [[0, 0, 1]]))
    metrics = component_metrics([second, first])
    assert metrics.siou == pytest.approx((2 / 3 + 3 / 4) / 3)
    assert metrics.ppv == pytest.approx(5 / 12)
    # Up to .65 two objects are found, at .7 and .75 one.
    assert metrics.true_positives.tolist() == [2] * 9 + [1] * 2
    assert metrics.false_negatives.tolist() == [1] * 9 + [2] * 2
    assert metrics.false_positives.tolist() == [1] * 11
    assert metrics.f1 == pytest.approx((9 * 4 / 6 + 2 * 2 / 5) / 11)
    assert (metrics.num_truth, metrics.num_predicted) == (3, 2)


def test_component_metrics__without_components_are_undefined():
    metrics = component_metrics([])
    assert all(math.isnan(x) for x in (metrics.siou, metrics.ppv, metrics.f1))
    alarm = component_metrics([sum_components(_match([[1]], [[0]]))])
    assert math.isnan(alarm.siou)
    assert (alarm.ppv, alarm.f1) == (0, 0)


def test_component_metrics__do_not_depend_on_the_order_of_images():
    rng = np.random.default_rng(0)
    sums = [
        sum_components(_match(rng.random((40, 40)) < .3,
                              rng.random((40, 40)) < .3)) for _ in range(9)
    ]
    forward, backward = component_metrics(sums), component_metrics(sums[::-1])
    assert (forward.siou, forward.ppv) == (backward.siou, backward.ppv)


@pytest.mark.parametrize('metric, track', [
    ('SegEval-AnomalyTrack', 'anomaly'),
    ('SegEval-ObstacleTrack', 'obstacle')])
def test_components__equal_the_official_ones(reference_dir, metric, track):
    cases = np.load(reference_dir / 'G_metrics_component_cases.npz')
    content = json.loads(
        (reference_dir / 'G_metrics_component_smiyc.json').read_text())
    reference = content['metrics'][metric]
    assert reference['thresh_sIoU'] == THRESHOLDS.tolist()
    assert TRACKS[track] == (reference['thresh_segsize'],
                             reference['thresh_instsize'])
    assert len(reference['fixed_threshold']) == 3
    for threshold, expected in reference['fixed_threshold'].items():
        sums = []
        for frame, values in expected['frames'].items():
            matches = match_components(
                cases[f'{frame}.score'] > float(threshold),
                cases[f'{frame}.label'], TRACKS[track])
            _compare_frame(matches, values)
            sums.append(sum_components(matches))
        _compare_all(component_metrics(sums), expected['aggregate_all'])


def _compare_frame(matches, expected):
    for name, values in (('sIoU_gt', matches.siou), ('size_gt', matches.size),
                         ('prec_pred', matches.ppv),
                         ('sIoU_pred', matches.predicted_siou),
                         ('size_pred', matches.predicted_size)):
        assert sorted(values) == pytest.approx(
            sorted(expected[name]), abs=1e-9, rel=0), name
    sums = sum_components(matches)
    assert sums.true_positives.tolist() == list(expected['tp'].values())
    assert sums.false_positives.tolist() == list(expected['fp'].values())


def _compare_all(metrics, expected):
    for name, value in (('sIoU_gt', metrics.siou),
                        ('prec_pred', metrics.ppv), ('f1_mean', metrics.f1)):
        assert value == pytest.approx(expected[name], abs=1e-9, rel=0)
    for index, key in ((0, 25), (5, 50), (10, 75)):
        assert metrics.f1_at[index] == pytest.approx(
            expected[f'f1_{key}'], abs=1e-9, rel=0)
        assert metrics.true_positives[index] == expected[f'tp_{key}']
        assert metrics.false_negatives[index] == expected[f'fn_{key}']
        assert metrics.false_positives[index] == expected[f'fp_{key}']


def test_sum_components__recall_by_size():
    # objects of 1, 2 and 4 pixels, the second and the third found
    label = [[1, 0, 1, 1, 0, 1, 1, 1, 1]]
    predicted = [[0, 0, 1, 0, 0, 1, 1, 1, 1]]
    sums = sum_components(_match(predicted, label), size_bins=(2, 4, 9))
    assert sums.num_by_size.tolist() == [1, 1, 1, 0]
    assert sums.found_by_size.tolist() == [0, 1, 1, 0]
    metrics = component_metrics([sums, sums])
    assert metrics.num_by_size.tolist() == [2, 2, 2, 0]
    assert metrics.recall_by_size[:3].tolist() == [0, 1, 1]
    assert math.isnan(metrics.recall_by_size[3])


def test_sum_components__one_bin_without_borders():
    sums = sum_components(_match([[1, 0, 0]], [[1, 0, 1]]))
    assert component_metrics([sums]).recall_by_size.tolist() == [.5]
