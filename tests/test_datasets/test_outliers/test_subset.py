import numpy as np
import pytest

from mmseg_anomaly.datasets.outliers import MixedOutliers, SyntheticOutliers
from mmseg_anomaly.datasets.outliers.mixed import draw_number
from mmseg_anomaly.datasets.outliers.subset import subset_of


def test_subset__renumbers_objects_and_origins():
    source = SyntheticOutliers(5)
    subset = subset_of(source, [1, 4])
    assert len(subset) == 2
    assert subset.origin(1) == subset[1].origin == source.origin(4)
    assert 'objects=2' in repr(subset)


def test_everything__is_the_source_itself():
    source = MixedOutliers(['abc', 'de'])
    assert subset_of(source, [0, 1, 2, 3, 4]) is source


def test_mixture__keeps_order_and_weights():
    source = MixedOutliers(['a' * 97 + 'xyz', MixedOutliers(
        ['b', 'cd'], weights=[1, 3])], weights=[0.2, 0.8])
    subset = subset_of(source, [0, 98, 100, 102])
    assert ''.join(subset[number] for number in range(4)) == 'aybd'
    generator = np.random.default_rng(0)
    drawn = [subset[draw_number(subset, generator)] for _ in range(4000)]
    for letters, share in (('ay', 0.2), ('b', 0.2), ('d', 0.6)):
        found = sum(letter in letters for letter in drawn)
        assert abs(found / 4000 - share) < 0.035  # 4 deviations


def test_part_of_which_nothing_is_left__goes():
    source = MixedOutliers(['abc', 'de', 'f'], weights=[1, 2, 1])
    subset = subset_of(source, [1, 5])
    assert subset.weights.tolist() == [0.5, 0.5]
    assert [subset[0], subset[1]] == ['b', 'f']


def test_parts_that_are_never_drawn__do_not_do():
    source = MixedOutliers(['abc', 'de'], weights=[1, 0])
    with pytest.raises(ValueError, match='not all 0'):
        subset_of(source, [3])
