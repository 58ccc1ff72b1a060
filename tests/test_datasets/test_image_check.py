"""Damaged images are found whatever a decoder would make of them."""
import cv2
import numpy as np
import pytest
from PIL import Image

from mmseg_anomaly.datasets.image_check import (
    check_image,
    has_end_mark,
    without_broken,
)
from mmseg_anomaly.datasets.label_files import read_label


@pytest.fixture(params=['png', 'jpg', 'webp'])
def image(request, tmp_path):
    path = tmp_path / f'a.{request.param}'
    noise = np.random.default_rng(0).integers(256, size=(40, 60, 3))
    Image.fromarray(noise.astype(np.uint8)).save(path)
    return path


def test_sound_image__passes(image):
    check_image(str(image))


@pytest.mark.parametrize('kept', [0, 0.1, 0.5, 0.95])
def test_cut_image__is_named(image, kept):
    content = image.read_bytes()
    image.write_bytes(content[:int(kept * len(content))])
    with pytest.raises(ValueError, match=rf'{image} of \d+ bytes is broken'):
        check_image(str(image))


def test_cut_jpeg__would_be_scored_otherwise(tmp_path):
    path = tmp_path / 'a.jpg'
    noise = np.random.default_rng(0).integers(256, size=(40, 60, 3))
    Image.fromarray(noise.astype(np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:-200])
    assert cv2.imread(str(path)) is not None


def test_changed_png__fails_its_checksum(tmp_path):
    path = tmp_path / 'a.png'
    Image.new('RGB', (60, 40), 'red').save(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match='is broken'):
        check_image(str(path))


def test_missing_file__is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'nowhere\.png'):
        check_image(str(tmp_path / 'nowhere.png'))


@pytest.mark.parametrize('suffix', ['jpg', 'png'])
def test_end_mark__is_lost_with_the_end(tmp_path, suffix):
    path = tmp_path / f'a.{suffix}'
    Image.new('RGB', (60, 40), 'red').save(path)
    content = path.read_bytes()
    assert has_end_mark(content) and has_end_mark(content + bytes(900))
    assert not has_end_mark(content[:-20])
    assert not has_end_mark(b'')


def test_picture_beyond_the_limit_of_pillow__is_named(tmp_path, monkeypatch):
    cv2.imwrite(str(tmp_path / 'a.png'), np.zeros((60, 80), np.uint8))
    monkeypatch.setattr('PIL.Image.MAX_IMAGE_PIXELS', 1000)
    info = dict(img_path=str(tmp_path / 'a.png'))
    for read in (check_image, read_label):
        with pytest.raises(ValueError, match='a.png of .* bytes .*bomb'):
            read(info['img_path'])
    monkeypatch.setattr('PIL.Image.MAX_IMAGE_PIXELS', 10**6)
    cv2.imwrite(str(tmp_path / 'b.png'), np.zeros((2000, 2000), np.uint8))
    broken = dict(img_path=str(tmp_path / 'b.png'))
    assert without_broken([info, broken]) == (
        [info], "broken files left out: ['b']")
