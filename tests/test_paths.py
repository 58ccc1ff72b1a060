import os
import tempfile

import cv2
import numpy as np
import pytest

from mmseg_anomaly.paths import (
    UnwrittenPictureError,
    inside,
    name_file,
    output_names,
    picture_name,
    printable,
    write_picture,
)

BAD_NAME = os.fsdecode(b'stra\xdfe\n')  # Latin-1, and a line break


@pytest.mark.parametrize(('paths', 'names'), [
    (['in/t5/0.png', 'in/t6/1.png'], ['0', '1']),
    (['in/t5/0.png', 'in/t6/0.png', 'in/t6/1.png'], ['t5/0', 't6/0', 't6/1']),
    (['in/a.png', 'in/a.jpg', 'in/b.png'], ['a.png', 'a.jpg', 'b.png']),
    (['in/a.png', 'in/x/a.png', 'in/x/a.jpg'], ['a.png', 'x/a.png',
                                                'x/a.jpg']),
    (['/one/x/a.png', '/two/x/a.png'], ['one/x/a', 'two/x/a']),
    (['in/x/A.png', 'in/y/a.png'], ['x/A', 'y/a']),
    (['in/A.png', 'in/a.png'], ['A', 'a']),
    (['in/a.png', 'in/../in/a.png'], ['a', 'a']),
    (['in/a.b.png', 'in/a.c.png'], ['a.b', 'a.c']),
    ([], []),
])
def test_output_names__gain_what_tells_them_apart(paths, names):
    assert output_names(paths) == dict(zip(paths, names, strict=True))


def test_output_names__keep_those_that_are_wanted():
    wanted = {'in/a/x.png': 'frame_1', 'in/b/x.png': 'frame_2'}
    assert output_names(wanted, wanted) == wanted
    wanted['in/b/x.png'] = 'frame_1'
    assert list(output_names(wanted, wanted).values()) == ['a/x', 'b/x']


@pytest.mark.parametrize('name', ['a.png', 'x/a.png', 'x/../a.png', './a.png',
                                  '..a.png', 'x/..a'])
def test_inside__returns_what_lies_in_the_folder(name):
    path = inside('data', name, 'manifest.json')
    assert path.parts[0] == 'data'
    assert '..' not in path.parts


@pytest.mark.parametrize('name', ['../a.png', '/etc/passwd', '..', 'x/../../a',
                                  'C:\\a.png', '..\\a.png', '\\\\host\\a'])
def test_inside__refuses_what_leaves_it(name):
    with pytest.raises(ValueError, match=r'^m\.json names .* not inside data'):
        inside('data', name, 'm.json')
    assert inside('data', name, 'm.json', allow=True)


def test_inside__refuses_what_is_no_name():
    with pytest.raises(ValueError, match=r"m\.json names 'a\\x00b'"):
        inside('data', 'a\0b', 'm.json', allow=True)


def test_printable__is_one_line_of_utf8():
    assert printable('straße.png') == 'straße.png'
    assert printable(BAD_NAME) == r'stra\udcdfe\n'
    printable(BAD_NAME).encode()


@pytest.mark.parametrize('stem', ['0', 'straße 1', 'a:b'])
def test_picture_name__is_kept_where_it_can_be(stem):
    assert picture_name(stem) == stem


def test_picture_name__can_be_written(tmp_path):
    for stem in (BAD_NAME, 'ß' * 127, 'a\\b'):
        path = tmp_path / f'{picture_name(stem)}.png'
        write_picture(path, np.full((2, 3, 3), 7, np.uint8))
        assert path.parent == tmp_path
        assert path.is_file()


def test_write_picture__takes_names_that_opencv_does_not(tmp_path):
    path = tmp_path / 'new' / f'{BAD_NAME}.png'
    picture = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    write_picture(path, picture)
    stored = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), -1)
    np.testing.assert_array_equal(stored, picture)


@pytest.mark.parametrize('name', ['a.nothing', 'a', f'{"a" * 300}.png',
                                  'file/a.png'])
def test_write_picture__names_what_cannot_be_written(name, tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(UnwrittenPictureError,
                       match='picture .*a.* cannot be written'):
        write_picture(tmp_path / name, np.zeros((2, 2, 3), np.uint8))


@pytest.mark.parametrize('can_link', [True, False])
def test_name_file__replaces_and_leaves_nothing(can_link, tmp_path,
                                                monkeypatch):
    if not can_link:
        def link(*args, **kwargs):
            raise OSError('not here')

        monkeypatch.setattr(os, 'link', link)
    (tmp_path / 'a').write_text('old')
    with tempfile.TemporaryFile(dir=tmp_path) as file:
        file.write(b'new')
        file.flush()
        assert (tmp_path / 'a').read_text() == 'old'
        name_file(file, tmp_path / 'a')
    assert (tmp_path / 'a').read_text() == 'new'
    assert [path.name for path in tmp_path.iterdir()] == ['a']
    assert (tmp_path / 'a').stat().st_mode & 0o777 == 0o644
