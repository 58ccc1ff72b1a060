import pickle

import numpy as np
import pytest

from mmseg_anomaly.datasets.outliers.array_file import (
    ArrayFile,
    ArrayFileWriter,
    pack_texts,
    unpack_text,
)


def write(path):
    with ArrayFileWriter(path) as writer:
        writer.meta['answer'] = 42
        writer.add('odd', np.arange(3, dtype=np.uint8))
        writer.add_chunks('bytes', (bytes([i, i]) for i in range(2)))
        writer.add('pairs', np.arange(6, dtype=np.int64).reshape(3, 2))
        writer.add('empty', np.zeros((0, 4), np.float32))


def test_arrays__come_back_and_are_mapped(tmp_path):
    write(tmp_path / 'a')
    for file in (ArrayFile(tmp_path / 'a'),
                 pickle.loads(pickle.dumps(ArrayFile(tmp_path / 'a')))):
        assert file.meta == dict(answer=42)
        assert file.arrays['odd'].tolist() == [0, 1, 2]
        assert file.arrays['bytes'].tolist() == [0, 0, 1, 1]
        assert file.arrays['pairs'].tolist() == [[0, 1], [2, 3], [4, 5]]
        assert file.arrays['empty'].shape == (0, 4)
        assert not file.arrays['pairs'].flags.writeable
        assert not file.arrays['pairs'].flags.owndata


def test_pickle__is_the_path_only(tmp_path):
    with ArrayFileWriter(tmp_path / 'a') as writer:
        writer.add('large', np.zeros(10**6, np.uint8))
    assert len(pickle.dumps(ArrayFile(tmp_path / 'a'))) < 1000


def test_interrupted_writer__leaves_the_old_file_alone(tmp_path):
    write(tmp_path / 'a')
    with (pytest.raises(RuntimeError, match='power cut'),
          ArrayFileWriter(tmp_path / 'a') as writer):
        writer.add('odd', np.zeros(9))
        raise RuntimeError('power cut')
    assert [path.name for path in tmp_path.iterdir()] == ['a']
    assert ArrayFile(tmp_path / 'a').meta == dict(answer=42)


def test_unfinished_file__has_no_name_to_be_left_under(tmp_path):
    write(tmp_path / 'a')
    with ArrayFileWriter(tmp_path / 'a') as writer:
        writer.add('large', np.zeros(10**6, np.uint8))
        assert [path.name for path in tmp_path.iterdir()] == ['a']
    assert [path.name for path in tmp_path.iterdir()] == ['a']
    assert ArrayFile(tmp_path / 'a').arrays['large'].shape == (10**6, )


@pytest.mark.parametrize('change', [
    lambda content: content[:-1], lambda content: content[:40],
    lambda content: b'', lambda content: b'x' + content[1:]
])
def test_cut_off_file__is_refused(tmp_path, change):
    write(tmp_path / 'a')
    (tmp_path / 'a').write_bytes(change((tmp_path / 'a').read_bytes()))
    with pytest.raises(ValueError, match='a of .* no complete array file'):
        ArrayFile(tmp_path / 'a')


def test_missing_file__is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='no .*/b'):
        ArrayFile(tmp_path / 'b')


def test_texts__come_back():
    texts = ['', 'straße', 'b', '']
    content, ends = pack_texts(texts)
    assert [unpack_text(content, ends, row) for row in range(4)] == texts


def test_folder_in_place_of_the_file__is_refused_before_the_work(tmp_path):
    with (pytest.raises(IsADirectoryError, match='is a folder; name a file'),
          ArrayFileWriter(tmp_path)):
        pytest.fail('the work began')
