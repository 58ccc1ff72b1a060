import math

import numpy as np
import pytest
from test_evaluation.conftest import evaluate, make_sample

from mmseg_anomaly.evaluation import ComponentMetric

STORED = np.full(256, 255, np.uint8)
STORED[:2] = 0, 254


@pytest.fixture
def samples():
    """Objects of 20 and of 60 pixels in either image; a score of each."""
    made = []
    for name in 'ab':
        label = np.zeros((20, 30), np.uint8)
        label[1:5, 1:6] = label[8:18, 10:16] = 1
        large = np.zeros((20, 30))
        large[8:18, 10:16] = 2
        made.append(make_sample(
            None, STORED[label], f'{name}.png', rba=large, msp=large + label))
    return made


def test_size_bins__say_what_is_found_of_each_size(samples, log):
    values = evaluate(ComponentMetric('obstacle', size_bins=(30, 100)),
                      samples, 1)
    for scorer, small in (('', 0), ('rba/', 0), ('msp/', 0)):
        assert values[f'component/{scorer}recall_below_30'] == small
        assert values[f'component/{scorer}recall_30_to_100'] == 100
        assert math.isnan(values[f'component/{scorer}recall_from_100'])
    table = next(message for message in log if 'by their pixels' in message)
    assert 'recall_below_30 (2)' in table
    assert 'recall_from_100 (0)' in table


def test_size_bins__by_default_none(samples):
    values = evaluate(ComponentMetric('obstacle'), samples, 1)
    assert not any('recall' in name for name in values)


def test_size_bins__of_no_image():
    values = evaluate(ComponentMetric(size_bins=[30]), [], 1)
    assert math.isnan(values['component/recall_below_30'])
    assert math.isnan(values['component/recall_from_30'])


@pytest.mark.parametrize('size_bins, error', [
    ((30, 30), ValueError), ((30, 20), ValueError), ((0, 20), ValueError),
    ((1.5, ), TypeError), (30, TypeError), ('30', TypeError)])
def test_size_bins__that_do_not_rise(size_bins, error):
    with pytest.raises(error, match='`size_bins`'):
        ComponentMetric(size_bins=size_bins)
