"""Differences become images, one version at a time."""
import io
import json
import os
import zipfile

import cv2
import numpy as np
import pytest

from mmseg_anomaly.datasets import FishyscapesStaticDataset

STEM = '{:04}_frankfurt_000001_0000{:02}'


@pytest.fixture
def tool(load_tool):
    return load_tool('dataset_converters/fishyscapes_static.py')


@pytest.fixture
def cityscapes(tmp_path):
    """Thirty images of blue 10, green 20, red 250."""
    folder = tmp_path / 'val' / 'frankfurt'
    folder.mkdir(parents=True)
    for index in range(30):
        cv2.imwrite(
            str(folder / f'{STEM.format(0, index)[5:]}_leftImg8bit.png'),
            np.full((2, 3, 3), (10, 20, 250), np.uint8))
    return folder.parent


@pytest.fixture
def release(tmp_path):
    folder = tmp_path / 'fs_val_v2'
    folder.mkdir()
    for index in range(30):
        difference = np.zeros((2, 3, 3), np.int16)
        difference[0, 0] = (10, -30, 5)  # red, green, blue
        stem = folder / STEM.format(index, index)
        np.savez(f'{stem}_rgb.npz', rgb=difference)
        cv2.imwrite(f'{stem}_labels.png', np.uint8([[1, 0, 0], [0, 0, 255]]))
    return folder


@pytest.fixture
def run(tool, cityscapes, release, tmp_path):
    def run_tool(*arguments, release=release):
        out = tmp_path / 'out'
        tool.main([str(x) for x in (release, cityscapes, '-o', out,
                                    *arguments)])
        return out

    return run_tool


def test_converter__adds_and_clips_in_rgb(run):
    out = run()
    image = cv2.imread(str(out / 'images' / f'{STEM.format(7, 7)}.png'))
    assert image[0, 0].tolist() == [15, 0, 255]  # blue, green, red
    assert image[1, 2].tolist() == [10, 20, 250]


def test_converter__writes_what_the_dataset_reads(run):
    dataset = FishyscapesStaticDataset(str(run()))
    assert len(dataset) == 30
    assert dataset.metainfo['version'] == 'v2'


def test_version__may_be_said(run, release):
    renamed = release.rename(release.with_name('download'))
    out = run('--version', 'v1', release=renamed)
    assert json.loads((out / 'fishyscapes_static.json').read_text())[
        'version'] == 'v1'


def test_version__is_not_guessed(run, release, capsys):
    renamed = release.rename(release.with_name('my_fs_val_v2'))
    with pytest.raises(SystemExit):
        run(release=renamed)
    assert 'say which release it is by --version' in capsys.readouterr().err


def test_second_version__needs_a_new_folder(run, capsys):
    run()
    with pytest.raises(SystemExit):
        run()
    assert 'versions do not mix' in capsys.readouterr().err


def test_missing_cityscapes_image__is_named(run, cityscapes):
    next((cityscapes / 'frankfurt').iterdir()).unlink()
    with pytest.raises(FileNotFoundError, match='rgb.npz changes .*missing'):
        run()


def test_conversion_that_stops__starts_over(run, cityscapes, tmp_path):
    image = next((cityscapes / 'frankfurt').iterdir())
    hidden = image.rename(tmp_path / 'hidden.png')
    with pytest.raises(FileNotFoundError):
        run()
    assert not (tmp_path / 'out').exists()
    assert (tmp_path / 'out.partial').is_dir()
    hidden.rename(image)
    assert len(list((run() / 'images').iterdir())) == 30
    assert not (tmp_path / 'out.partial').exists()


def test_release__must_be_unpacked(run, tmp_path):
    (tmp_path / 'fs_val_v1').mkdir()
    with pytest.raises(FileNotFoundError, match=r'no \*_rgb.npz; unpack'):
        run(release=tmp_path / 'fs_val_v1')


@pytest.mark.parametrize('difference, message', [
    (np.zeros((2, 2, 3), np.int16), r'is \(2, 2, 3\), its image \(2, 3, 3\)'),
    (np.zeros((2, 3, 3), np.uint8), 'must be signed, got uint8')])
def test_difference__of_a_wrong_form(tool, difference, message):
    with pytest.raises(ValueError, match=message):
        tool.add_difference(np.zeros((2, 3, 3), np.uint8), difference)


def test_converter__unpickles_nothing(run, release, tmp_path):
    class MakesFolder:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / 'trace'), )

    path = release / f'{STEM.format(0, 0)}_rgb.npz'
    np.savez(path, rgb=np.array([MakesFolder()], dtype=object))
    with pytest.raises(ValueError, match='allow_pickle=False'):
        run()
    assert not (tmp_path / 'trace').exists()


def npy_header(shape):
    """Return an array file that claims a shape and holds nothing."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, dict(
        descr='<i2', fortran_order=False, shape=shape))
    return buffer.getvalue()


@pytest.mark.parametrize(('members', 'message'), [
    ({'rgb.npy': npy_header((10**5, 10**5, 3))},
     r'a_rgb.npz is \(100000, 100000, 3\), its image \(2, 3, 3\)'),
    ({'rgb.npy': npy_header((2, 3, 3))}, 'a_rgb.npz cannot be read'),
    ({'rgb.npy': b'nothing'}, 'a_rgb.npz cannot be read'),
    ({'other.npy': b''}, 'a_rgb.npz cannot be read .*rgb.npy'),
    (None, 'a_rgb.npz cannot be read .*zip'),
])
def test_damaged_difference__is_named(tool, tmp_path, members, message):
    path = tmp_path / 'a_rgb.npz'
    path.write_bytes(b'PK')
    if members is not None:
        with zipfile.ZipFile(path, 'w') as archive:
            for name, content in members.items():
                archive.writestr(name, content)
    with pytest.raises(ValueError, match=message):
        tool.read_difference(path, (2, 3, 3))
