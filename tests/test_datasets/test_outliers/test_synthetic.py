import numpy as np
import pytest
from mmseg.registry import DATASETS

from mmseg_anomaly.datasets.outliers import SyntheticOutliers
from mmseg_anomaly.datasets.synthetic_roads.strange_objects import SHAPES


def test_objects__differ_and_repeat():
    source = DATASETS.build(dict(type='SyntheticOutliers', num_objects=20))
    other = SyntheticOutliers(num_objects=50)
    hashes = [source[number].content_hash() for number in range(20)]
    assert len(source) == len(set(hashes)) == 20
    assert hashes == [other[number].content_hash() for number in range(20)]
    assert SyntheticOutliers(seed=1)[0].content_hash() != hashes[0]


def test_object__is_cropped_and_of_its_size():
    source = SyntheticOutliers(split='test', size_px=(40, 50))
    for number in range(10):
        cutout = source[number]
        assert 20 < max(cutout.alpha.shape) <= 50
        assert cutout.alpha.any(axis=1)[[0, -1]].all()
        assert np.unique(cutout.alpha).tolist() in ([0, 255], [255])
        assert cutout.category in SHAPES['test']
        assert cutout.origin == source.origin(number) == dict(
            split='test', seed=0, number=number)


@pytest.mark.parametrize(('options', 'message'), [
    (dict(num_objects=0), '`num_objects` must be at least 1, got 0'),
    (dict(split='val'), "`split` must be one of .*, got 'val'"),
    (dict(size_px=(8, 50)), r'`size_px` must be .*got \(8, 50\)'),
    (dict(size_px=(60, 50)), r'`size_px\[0\]` .* got 60 and 50'),
])
def test_wrong_options__are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SyntheticOutliers(**options)


@pytest.mark.parametrize('number', [-1, 3])
def test_unknown_object__is_refused(number):
    with pytest.raises(IndexError, match=f'object {number} of 3'):
        SyntheticOutliers(num_objects=3)[number]
