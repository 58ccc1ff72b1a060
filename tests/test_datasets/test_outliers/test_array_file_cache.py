import os
import re
from multiprocessing import get_context

import numpy as np
import pytest

from mmseg_anomaly.datasets.outliers import array_file
from mmseg_anomaly.datasets.outliers.array_file import cached_array_file


def write_noting(folder):
    """Return a slow writer that leaves a note each time it is called."""

    def write(writer):
        (folder / f'written-{os.getpid()}').touch()
        writer.add('numbers', np.arange(10**5))

    return write


def open_one(folder):
    file = cached_array_file('x.index', write_noting(folder), folder / 'cache')
    return int(file.arrays['numbers'].sum())


def test_many_processes__write_once(tmp_path):
    with get_context('fork').Pool(4) as pool:
        sums = pool.map(open_one, [tmp_path] * 8)
    assert set(sums) == {sum(range(10**5))}
    assert len(list(tmp_path.glob('written-*'))) == 1


def test_damaged_file__is_made_anew(tmp_path):
    open_one(tmp_path)
    path = tmp_path / 'cache' / 'x.index'
    path.write_bytes(path.read_bytes()[:1000])
    assert open_one(tmp_path) == sum(range(10**5))


def refuse_to_write(**kwargs):
    raise OSError('Read-only file system')


def test_finished_file__needs_no_right_to_write(tmp_path, monkeypatch):
    open_one(tmp_path)
    monkeypatch.setattr(array_file.tempfile, 'TemporaryFile',
                        refuse_to_write)
    (tmp_path / 'cache' / 'x.index.lock').unlink()
    next(tmp_path.glob('written-*')).unlink()
    assert open_one(tmp_path) == sum(range(10**5))
    assert [path.name for path in tmp_path.iterdir()] == ['cache']
    assert not (tmp_path / 'cache' / 'x.index.lock').exists()


def test_folder_that_cannot_be_written__is_named_with_the_remedy(tmp_path):
    (tmp_path / 'cache').touch()
    with pytest.raises(PermissionError, match='no index can be kept in .*cache'
                       r' \(.*give a folder .* `cache_dir` or XDG_CACHE_HOME'):
        open_one(tmp_path)


def test_default_folder__follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv('XDG_CACHE_HOME', '/somewhere')
    assert str(array_file.default_cache_dir()) == '/somewhere/mmseg_anomaly'
    monkeypatch.delenv('XDG_CACHE_HOME')
    monkeypatch.setenv('HOME', str(tmp_path))
    assert (array_file.default_cache_dir()
            == tmp_path / '.cache' / 'mmseg_anomaly')


def test_failing_scan__leaves_no_file(tmp_path):

    def fail(writer):
        raise ValueError('bad json')

    with pytest.raises(ValueError, match='bad json'):
        cached_array_file('x.index', fail, tmp_path)
    assert not (tmp_path / 'x.index').exists()


def spoil(change):
    """Return a function that writes an index back with other bytes."""
    return lambda path: path.write_bytes(change(bytearray(path.read_bytes())))


def in_the_arrays(content):
    content[1000] ^= 1
    return content


def put_a_folder(path):
    path.unlink()
    path.mkdir()
    (path / 'notes.txt').write_text('mine')


def put_another_index(path):
    cached_array_file('y.index', write_noting(path.parents[1]), path.parent)
    (path.parent / 'y.index').replace(path)


def put_a_json(path):
    path.write_text('{"meta": {}}')


@pytest.mark.parametrize(('replace', 'reason'), [
    (spoil(in_the_arrays), 'its arrays have changed'),
    (spoil(lambda content: content.replace(b'"arrays"', b'"arraya"')),
     r"its footer has no \['arrays'\]"),
    (spoil(lambda content: content.replace(b'"<i8"', b'"<O8"')),
     'its footer describes no arrays'),
    (spoil(lambda content: content.replace(b'[100000]', b'[900000]')),
     'exceeds the file'),
    (put_a_json, 'its first or last bytes are others'),
    (put_another_index, "was written as 'y.index'"),
    (put_a_folder, 'the folder .*x.index is moved to '),
])
def test_spoilt_index__is_made_again_with_one_line(
        tmp_path, monkeypatch, replace, reason):
    said = []
    monkeypatch.setattr(array_file, 'print_log',
                        lambda message, **_: said.append(message))
    open_one(tmp_path)
    replace(tmp_path / 'cache' / 'x.index')
    for _ in range(2):  # the second time it is sound
        assert open_one(tmp_path) == sum(range(10**5))
    line, = said
    assert re.search(reason, line)


def test_folder_in_the_place_of_an_index__is_kept(tmp_path):
    open_one(tmp_path)
    put_a_folder(tmp_path / 'cache' / 'x.index')
    open_one(tmp_path)
    notes, = (tmp_path / 'cache').glob('x.index.*/x.index/notes.txt')
    assert notes.read_text() == 'mine'
