"""What a checkpoint file may hold."""
import os
import pickle

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from mmseg_anomaly.safe_loading import get_statistic, load_from_local


class Calls:
    """Pickles into a call of a function."""

    def __init__(self, function, *arguments) -> None:
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def test_load__refuses_code_in_the_old_format(tmp_path):
    path = tmp_path / 'bad.pth'
    torch.save(Calls(os.mkdir, str(tmp_path / 'written')), path,
               _use_new_zipfile_serialization=False)
    with pytest.raises(pickle.UnpicklingError, match='posix.mkdir'):
        load_from_local(path)
    assert not (tmp_path / 'written').exists()


@pytest.mark.parametrize(('owner', 'name'), [
    (HistoryBuffer, '__class__'), (dict, 'min'), (os, 'system')])
def test_load__gives_no_attribute_but_the_statistics(owner, name, tmp_path):
    with pytest.raises(pickle.UnpicklingError, match=f'got {name!r} of'):
        get_statistic(owner, name)


def test_load__refuses_other_attributes_in_a_file(tmp_path):
    path = tmp_path / 'bad.pth'
    torch.save(Calls(getattr, HistoryBuffer, '__init__'), path)
    with pytest.raises(pickle.UnpicklingError,
                       match='refused.*only use the attributes .*__init__'):
        load_from_local(path)


def test_load__gives_the_statistics():
    assert get_statistic(HistoryBuffer, 'mean') is HistoryBuffer.mean


@pytest.mark.parametrize('dtype', [
    'bool', 'uint8', 'int32', 'int64', 'float16', 'float32', 'float64'])
def test_load__reads_arrays_and_numbers_of_numpy(dtype, tmp_path):
    array = np.array([[0, 1], [1, 0]], dtype)
    torch.save(dict(array=array, number=array[0, 1]), tmp_path / 'a.pth')
    loaded = load_from_local(tmp_path / 'a.pth')
    np.testing.assert_array_equal(loaded['array'], array)
    assert loaded['number'] == 1
    assert loaded['array'].dtype == loaded['number'].dtype == dtype


def test_load__reads_arrays_of_numpy_1(tmp_path):
    content = pickle.dumps(np.arange(3.), protocol=2)
    old = content.replace(b'cnumpy._core.multiarray',
                          b'cnumpy.core.multiarray')
    assert old != content
    path = tmp_path / 'a.pth'
    torch.save(None, path)
    with torch.serialization.safe_globals([]):
        reader = torch.PyTorchFileReader(str(path))
        records = {name: reader.get_record(name)
                   for name in reader.get_all_records()}
        writer = torch.PyTorchFileWriter(str(path))
        for name, value in dict(records, **{'data.pkl': old}).items():
            if name != '.data/serialization_id' and name != 'version':
                writer.write_record(name, value, len(value))
        writer.write_end_of_file()
    np.testing.assert_array_equal(load_from_local(path), [0, 1, 2])


def test_load__says_what_is_wrong_with_the_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='no checkpoint `.*none.pth`'):
        load_from_local(tmp_path / 'none.pth')
    torch.save(dict(a=torch.ones(1000)), tmp_path / 'cut.pth')
    content = (tmp_path / 'cut.pth').read_bytes()
    (tmp_path / 'cut.pth').write_bytes(content[:len(content) // 2])
    with pytest.raises(ValueError, match='cut.pth` could not be read'):
        load_from_local(tmp_path / 'cut.pth')


@pytest.mark.parametrize('name', ['text.safetensors', 'text.pth'])
def test_load__says_that_a_text_is_no_checkpoint(name, tmp_path):
    (tmp_path / name).write_bytes(b'hello')
    with pytest.raises(ValueError, match=f'{name}` could not be read'):
        load_from_local(tmp_path / name)
