import pytest
import torch

from mmseg_anomaly.reporting.provenance import (
    digest,
    head_facts,
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


def test_head_facts__hold_the_hash_of_an_attached_head(tmp_path):
    head = tmp_path / 'head.pth'
    head.write_bytes(b'abc')
    assert head_facts(dict(custom_hooks=[
        dict(type='AttachHeadHook', head=str(head))])) == dict(
            head_sha256='ba7816bf8f01cfea414140de5dae2223'
            'b00361a396177a9cb410ff61f20015ad')
    assert head_facts(dict(
        custom_hooks=[dict(type='AttachHeadHook', head=None)])) == {}


def test_write_json__keeps_the_old_file_if_the_new_one_fails(tmp_path):
    path = tmp_path / 'new' / 'a.json'
    write_json(path, [1])
    with pytest.raises(TypeError, match='set is not JSON serializable'):
        write_json(path, {1, 2})
    assert path.read_text() == '[\n 1\n]\n'
