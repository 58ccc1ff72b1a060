import pytest
import torch

from mmseg_anomaly.benchmarking.provenance import (
    digest,
    versions,
    write_json,
)
from mmseg_anomaly.version import __version__


def test_versions__of_what_computes():
    found = versions()
    assert list(found) == ['mmseg_anomaly', 'mmseg', 'mmengine', 'mmcv',
                           'torch']
    assert found['mmseg_anomaly'] == __version__
    assert found['torch'] == torch.__version__


def test_digest__knows_order_of_lists_but_not_of_keys():
    assert digest({'a': 1, 'b': [1, 2]}) == digest({'b': [1, 2], 'a': 1})
    assert digest({'a': [1, 2]}) != digest({'a': [2, 1]})
    assert len(digest({})) == 16


def test_write_json__keeps_the_old_file_if_the_new_one_fails(tmp_path):
    path = tmp_path / 'new' / 'a.json'
    write_json(path, [1])
    with pytest.raises(TypeError, match='set is not JSON serializable'):
        write_json(path, {1, 2})
    assert path.read_text() == '[\n 1\n]\n'
