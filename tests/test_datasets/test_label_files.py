"""What the ids of label files mean."""
import numpy as np
import pytest

from mmseg_anomaly.datasets.label_files import (
    ids_outside_map,
    ids_without_meaning,
    stored_ids,
)

RAW_IDS = np.array([0, 3, 254])


def test_stored_ids__are_raw_ids_without_a_map():
    assert (stored_ids({}) == np.arange(256)).all()
    assert stored_ids({2: 254})[[1, 2]].tolist() == [1, 254]


@pytest.mark.parametrize(('is_complete', 'expected'), [
    (True, [3, 254]), (False, [])])
def test_ids_outside_map__count_if_the_map_is_complete(is_complete, expected):
    info = dict(label_map={0: 1}, label_map_is_complete=is_complete)
    assert ids_outside_map(RAW_IDS, info) == expected


def test_ids_without_meaning__are_neither_classes_nor_reserved():
    assert ids_without_meaning(RAW_IDS, {}, 3) == [3]
    assert ids_without_meaning(RAW_IDS, {}, 4) == []
    assert ids_without_meaning(RAW_IDS, dict(label_map={0: 9}), 4) == [0]
