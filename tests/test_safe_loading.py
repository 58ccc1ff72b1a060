"""What a checkpoint file may hold."""
import os
import pickle
import zipfile

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from safetensors.torch import save_file

from mmseg_anomaly.safe_loading import (
    SAFE_GLOBALS,
    get_statistic,
    load_from_local,
    tensors_of,
)


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
    with pytest.raises(ValueError, match=f"{name}` could .* text 'hello'"):
        load_from_local(tmp_path / name)


def test_load__says_that_a_file_is_misnamed(tmp_path):
    save_file(dict(a=torch.ones(1)), tmp_path / 'a.pth')
    with pytest.raises(ValueError, match='a.pth` .* rename it to .safetens'):
        load_from_local(tmp_path / 'a.pth')
    torch.save(dict(a=torch.ones(1)), tmp_path / 'a.safetensors')
    with pytest.raises(ValueError, match='a.safetensors` .*rename it to .pth'):
        load_from_local(tmp_path / 'a.safetensors')


def test_load__says_that_a_file_is_of_no_known_kind(tmp_path):
    path = tmp_path / 'a.pth'
    path.write_bytes(1000 * b'\0')  # a download that was given up
    with pytest.raises(ValueError, match='it is no file of `torch.save`; get'):
        load_from_local(path)
    path.write_bytes(pickle.dumps([1, 2], protocol=4))
    with pytest.raises(pickle.UnpicklingError, match=(
            'a.pth` was refused: it is no file of `torch.save` .Unsupp')):
        load_from_local(path)


@pytest.mark.parametrize('name', ['a.pth', 'a.bin', 'a.safetensors'])
def test_load__says_that_a_file_is_empty(name, tmp_path):
    (tmp_path / name).touch()
    with pytest.raises(ValueError, match=f'{name}` could not .* it is empty'):
        load_from_local(tmp_path / name)


def test_load__shows_the_text_that_a_file_is(tmp_path):
    """What a clone without Git LFS leaves."""
    path = tmp_path / 'a.pth'
    path.write_text('version https://git-lfs.github.com/spec/v1\noid ...')
    with pytest.raises(ValueError, match='begins with the text .version htt'):
        load_from_local(path)


@pytest.mark.parametrize('text', [
    '\ufeff<html>', 'Über uns', 39 * 'a' + 'é, cut after 40 bytes'])
def test_load__shows_a_text_in_any_language(text, tmp_path):
    path = tmp_path / 'a.pth'
    path.write_text(text, 'utf-8')
    with pytest.raises(ValueError, match='a.pth` could not .* begins with '
                       'the text'):
        load_from_local(path)


@pytest.mark.parametrize('name', ['cut.pth', 'cut.safetensors'])
@pytest.mark.parametrize('part', [0.01, 0.5, 0.99])
@pytest.mark.parametrize('mmap', [False, True])
def test_load__says_that_a_file_is_cut_off(name, part, mmap, tmp_path):
    path = tmp_path / name
    if path.suffix == '.safetensors':
        save_file(dict(a=torch.ones(1000)), path)
    else:
        torch.save(dict(a=torch.ones(1000)), path)
    content = path.read_bytes()
    path.write_bytes(content[:int(part * len(content))])
    with pytest.raises(ValueError, match=(
            f'{name}` could not be read as a checkpoint, perhaps it is cut '
            r'off \([^.]+\); get or write it again.$')):
        load_from_local(path, mmap=mmap)


class Writes:
    """Pickles into code that would create a file."""

    def __init__(self, path) -> None:
        self.path = path

    def __reduce__(self):
        return eval, (f'open({str(self.path)!r}, "w").close()', )


@pytest.mark.parametrize('mmap', [False, True])
@pytest.mark.parametrize('wrap', [
    lambda bad: bad, lambda bad: dict(state_dict=dict(a=bad)),
    lambda bad: dict(state_dict={}, optimizer_states=[bad])])
def test_load__refuses_to_create_a_file(wrap, mmap, tmp_path):
    created = tmp_path / 'created'
    torch.save(wrap(Writes(created)), tmp_path / 'bad.pth')
    with pytest.raises(pickle.UnpicklingError, match=(
            'bad.pth` was refused because it would import .*eval; a '
            'checkpoint should contain only data')):
        load_from_local(tmp_path / 'bad.pth', mmap=mmap)
    assert not created.exists()
    torch.load(tmp_path / 'bad.pth', weights_only=False)
    assert created.exists()  # it would have


def test_safe_globals__getattr_is_not_among_them():
    for entry in SAFE_GLOBALS:
        function = entry[0] if isinstance(entry, tuple) else entry
        assert function is not getattr


@pytest.mark.parametrize(('content', 'message'), [
    (torch.ones(2), 'x.pth holds a Tensor instead of tensors by name'),
    (dict(state_dict=[1]), 'x.pth holds a list instead of tensors by name'),
    (dict(epoch=3), 'x.pth holds entries that are no tensors: epoch'),
    ({0: torch.ones(1)}, 'x.pth holds entries that are no tensors: 0'),
])
def test_tensors_of__something_else(content, message):
    with pytest.raises(ValueError, match=message):
        tensors_of(content, 'x.pth')


@pytest.mark.parametrize('key', ['state_dict', 'model', 'teacher'])
def test_tensors_of__wrapped(key):
    tensors = dict(a=torch.ones(1))
    assert tensors_of({key: tensors, 'epoch': 3}, 'x.pth') is tensors


@pytest.mark.parametrize('name', ['model.pth', 'model.safetensors'])
@pytest.mark.parametrize('wrap', ['', 'state_dict', 'model'])
def test_load__refuses_weights_that_are_not_finite(name, wrap, tmp_path):
    weights = {'layer.weight': torch.tensor([1, torch.nan])}
    path = tmp_path / name
    if path.suffix == '.safetensors':
        save_file(weights, path)
    else:
        torch.save({wrap: weights} if wrap else weights, path)
    with pytest.raises(ValueError, match=f'{path}` holds values that are not '
                       'finite .*layer.weight'):
        load_from_local(path)


def damage(path, part: str) -> None:
    """Overwrite one byte of a part of a zip file."""
    with zipfile.ZipFile(path) as archive:
        info = next(x for x in archive.infolist()
                    if x.filename.endswith(f'/{part}'))
    content = bytearray(path.read_bytes())
    lengths = content[info.header_offset + 26:info.header_offset + 30]
    start = info.header_offset + 30 + int.from_bytes(
        lengths[:2], 'little') + int.from_bytes(lengths[2:], 'little')
    content[start + info.file_size // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize('mmap', [False, True])
@pytest.mark.parametrize('part', ['data/0', 'data/1', 'data.pkl', 'version'])
def test_load__names_the_damaged_part(part, mmap, tmp_path):
    path = tmp_path / 'a.pth'
    torch.save(dict(state_dict=dict(a=torch.ones(1000), b=torch.ones(1)),
                    optimizer=[torch.zeros(3)]), path)
    load_from_local(path, mmap=mmap)
    damage(path, part)
    with pytest.raises(ValueError, match=(
            f'{path}` is damaged: its part a/{part} differs from the '
            'checksum; get or write it again')):
        load_from_local(path, mmap=mmap)


def test_load__sees_overwritten_bytes_and_damaged_headers(tmp_path):
    path = tmp_path / 'a.pth'
    torch.save(dict(a=torch.ones(1000)), path)
    whole = path.read_bytes()
    path.write_bytes(whole[:2000] + 400 * b'\1' + whole[2400:])
    with pytest.raises(ValueError, match='a.pth` is damaged: its part a/dat'):
        load_from_local(path)
    path.write_bytes(whole.replace(b'PK\3\4', b'PK\3\5')
                     .replace(b'PK\3\5', b'PK\3\4', 1))
    with pytest.raises(ValueError, match='a.pth` is damaged'):
        load_from_local(path)


def test_load__takes_files_without_checksums(tmp_path):
    torch.save(dict(a=torch.ones(9)), tmp_path / 'old.pth',
               _use_new_zipfile_serialization=False)
    load_from_local(tmp_path / 'old.pth')
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(dict(a=torch.ones(9)), tmp_path / 'new.pth')
    finally:
        torch.serialization.set_crc32_options(True)
    assert load_from_local(tmp_path / 'new.pth')['a'].sum() == 9
