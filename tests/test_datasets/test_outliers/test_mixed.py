import numpy as np
import pytest
from mmseg.registry import DATASETS

from mmseg_anomaly.datasets.outliers import MixedOutliers, SyntheticOutliers
from mmseg_anomaly.datasets.outliers.source import sample_number


def test_numbers__go_through_the_sources():
    source = MixedOutliers(['abc', 'de'])
    assert len(source) == 5
    assert [source[number] for number in range(5)] == list('abcde')
    for number in (-1, 5):
        with pytest.raises(IndexError, match=f'object {number} of 5'):
            source[number]


def test_weights__decide_whatever_the_sizes():
    source = MixedOutliers(['a' * 97, 'bcd'], weights=[1, 3])
    generator = np.random.default_rng(0)
    drawn = [source[sample_number(source, generator)] for _ in range(4000)]
    assert abs(drawn.count('a') / 4000 - 0.25) < 0.03  # 4 deviations
    for letter in 'bcd':
        assert abs(drawn.count(letter) / 4000 - 0.25) < 0.03


def test_nested_mixtures__draw_by_their_own_weights():
    source = MixedOutliers(['a', MixedOutliers(['b', 'c'], weights=[1, 0])])
    generator = np.random.default_rng(0)
    drawn = [source[sample_number(source, generator)] for _ in range(200)]
    assert set(drawn) == {'a', 'b'}


def test_config__builds_and_names_origins():
    source = DATASETS.build(
        dict(
            type='MixedOutliers',
            sources=[dict(type='SyntheticOutliers', num_objects=3),
                     dict(type='SyntheticOutliers', split='test')]))
    assert source.origin(4) == dict(split='test', seed=0, number=1)
    assert source[4].content_hash() == SyntheticOutliers(
        split='test')[1].content_hash()
    assert 'weights=[0.5, 0.5]' in repr(source)


@pytest.mark.parametrize(('sources', 'weights', 'message'), [
    ([], None, r'got the sizes \[\]'),
    (['a', ''], None, r'got the sizes \[1, 0\]'),
    (['a', 'b'], [1], r'must be 2 finite numbers .* got \[1\]'),
    (['a', 'b'], [1, float('nan')], r'got \[1, nan\]'),
    (['a', 'b'], [float('inf'), 1], r'got \[inf, 1\]'),
    (['a', 'b'], ['1', 1], r"got \['1', 1\]"),
    (['a', 'b'], [2, -1], r'got \[2, -1\]'),
    (['a', 'b'], [0, 0], r'got \[0, 0\]'),
])
def test_wrong_mixtures__are_refused(sources, weights, message):
    with pytest.raises(ValueError, match=message):
        MixedOutliers(sources, weights)
