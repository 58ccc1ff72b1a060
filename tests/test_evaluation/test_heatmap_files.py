import math
import sys

import numpy as np
import pytest
from test_evaluation.conftest import read_heatmap

from mmseg_anomaly.evaluation.heatmap_files import (
    heatmap_path,
    heatmap_shape,
    rounding_losses,
    rounding_warnings,
    write_heatmap,
)
from mmseg_anomaly.labels import OUTSIDE_SCORE

h5py = pytest.importorskip('h5py')


def test_heatmap_path__is_the_official_one():
    path = heatmap_path('out', 'eomt_rba', 'ObstacleTrack-all', 'curve_1.2')
    assert path.as_posix() == (
        'out/anomaly_p/eomt_rba/ObstacleTrack-all/curve_1.2.hdf5')


def test_write_heatmap__lowest_outside_a_region_of_interest(tmp_path):
    scores = np.array([[OUTSIDE_SCORE, -5.]], np.float32)
    rounded = write_heatmap(tmp_path / 'a.hdf5', scores)
    assert rounded.tolist() == [[-65504., -5.]]
    with pytest.raises(ValueError, match='cannot hold scores from -70000'):
        write_heatmap(tmp_path / 'a.hdf5', np.array([[-7e4]], np.float32))


def test_write_heatmap__a_file_that_others_read(tmp_path):
    scores = np.array([[0.5, 1 / 3, -2.], [1e-3, 0., 7.]], np.float32)
    path = tmp_path / 'new' / 'a.hdf5'
    rounded = write_heatmap(path, scores)

    with h5py.File(path, 'r') as file:
        assert list(file) == ['value']
        stored = file['value']
        assert stored.dtype == np.float16
        assert stored.compression == 'gzip'
        np.testing.assert_array_equal(stored[:], scores.astype(np.float16))
    assert rounded.dtype == read_heatmap(path).dtype == np.float32
    np.testing.assert_array_equal(read_heatmap(path), rounded)
    assert heatmap_shape(path) == (2, 3)


def test_write_heatmap__keeps_infinities(tmp_path):
    scores = np.array([[np.inf, -np.inf, 1.]], np.float32)
    np.testing.assert_array_equal(
        write_heatmap(tmp_path / 'a.hdf5', scores), scores)


def test_write_heatmap__refuses_what_float16_cannot_hold(tmp_path):
    with pytest.raises(ValueError, match=r'a.hdf5 cannot hold scores from '
                       r'-1 to 70000: float16 ends at 65504'):
        write_heatmap(tmp_path / 'a.hdf5',
                      np.array([[-1., 7e4]], np.float32))


def test_write_heatmap__refuses_nan_before_it_makes_a_file(tmp_path):
    with pytest.raises(ValueError, match='a.hdf5 cannot be written: its '
                       'anomaly map holds NaN'):
        write_heatmap(tmp_path / 'new' / 'a.hdf5',
                      np.array([[0., np.nan]], np.float32))
    assert not list(tmp_path.iterdir())


def test_write_heatmap__names_the_package_it_needs(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'h5py', None)
    with pytest.raises(ImportError, match='run `pip install h5py`'):
        write_heatmap(tmp_path / 'a.hdf5', np.zeros((1, 1), np.float32))


METRICS = {
    'mIoU': 50.,
    'anomaly/AuPRC': 65., 'float16/AuPRC': 13.,
    'anomaly/msp/AuPRC': 65., 'float16/msp/AuPRC': 13.,
    'anomaly/rba/AuPRC': 70., 'float16/rba/AuPRC': 70.05,
    'anomaly/rba/FPR95': 10., 'float16/rba/FPR95': 50.,
    'anomaly/eam/AuPRC': math.nan, 'float16/eam/AuPRC': math.nan
}


def test_rounding_losses__of_each_scorer():
    losses = rounding_losses(METRICS)
    assert list(losses) == ['msp', 'rba', 'eam']
    assert losses['msp'] == 52
    assert losses['rba'] == pytest.approx(-0.05)
    assert math.isnan(losses['eam'])


def test_rounding_warnings__name_a_better_score():
    warning, = rounding_warnings(rounding_losses(METRICS))
    assert 'AuPRC of msp by -52.00 points' in warning
    assert 'submit max_logit' in warning


@pytest.mark.parametrize(('losses', 'advice'), [
    (dict(msp=5., max_logit=0.01), 'submit max_logit'),
    (dict(msp=5., max_logit=3., rba=0.), 'keeps its value, such as rba'),
    (dict(entropy=5., rba=0.), 'keeps its value, such as rba'),
    (dict(entropy=-5.), 'none of those computed keeps its value')])
def test_rounding_warnings__never_advise_a_score_that_loses(losses, advice):
    assert advice in rounding_warnings(losses)[0]


def test_rounding_warnings__none_without_a_loss():
    assert rounding_warnings(dict(rba=0.1, eam=math.nan)) == []
