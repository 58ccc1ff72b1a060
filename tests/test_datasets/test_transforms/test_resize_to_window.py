"""The test size is EoMT's, to the pixel."""
import json

import numpy as np
import pytest
from mmseg.registry import TRANSFORMS

import mmseg_anomaly  # noqa: F401
from mmseg_anomaly.datasets.transforms.resize_to_window import fit_short_side


def _resize(img, window_size):
    transform = TRANSFORMS.build(
        dict(type='ResizeToWindow', window_size=window_size))
    return transform(dict(img=img, gt_seg_map='untouched'))


@pytest.mark.parametrize('image_hw, window_hw, expected', [
    ((1024, 2048), (640, 640), (640, 1280)),
    ((500, 333), (640, 640), (961, 640)),
    ((360, 480), (352, 480), (360, 480)),
    ((40, 20), (4, 5), (10, 5)),
    ((4, 5), (2, 2), (2, 2)),
    ((4, 7), (2, 2), (2, 4)),
])
def test_fit_short_side__by_hand(image_hw, window_hw, expected):
    assert fit_short_side(image_hw, window_hw) == expected


def test_fit_short_side__equals_the_original_code(reference_dir):
    rules = json.loads((reference_dir / 'F_windowing.json').read_text())
    rows = [(rule['img_size'], row) for rule in rules['geometry']
            for row in rule['rows']]
    assert rows
    for window_hw, row in rows:
        assert list(fit_short_side(row['size'], window_hw)) == row['resized']


@pytest.mark.parametrize('index', [0, 1])
def test_resize__pixels_equal_the_original_code(reference_dir, index):
    arrays = np.load(reference_dir / 'F_windowing.npz')
    img = arrays[f'image{index}_uint8'].transpose(1, 2, 0)
    resized = _resize(img, (32, 32))['img']
    expected = arrays[f'resized{index}_uint8'].transpose(1, 2, 0)
    assert np.array_equal(resized, expected)


def test_resize__antialiases_when_it_shrinks():
    stripes = np.zeros((8, 8, 3), np.uint8)
    stripes[:, ::4] = 200  # plain bilinear would read columns 1.5 and 5.5
    resized = _resize(stripes, (2, 2))['img']
    assert resized.shape == (2, 2, 3)
    assert abs(int(resized[0, 0, 0]) - 50) <= 15


def test_resize__records_what_mmseg_transforms_record():
    results = _resize(np.zeros((4, 10, 3), np.uint8), (8, 8))
    assert results['img'].shape == (8, 20, 3)
    assert results['img_shape'] == (8, 20)
    assert results['scale'] == (20, 8)
    assert results['scale_factor'] == (2.0, 2.0)
    assert results['keep_ratio'] is True
    assert results['gt_seg_map'] == 'untouched'


def test_resize__scale_factor_is_width_first():
    results = _resize(np.zeros((3, 10, 3), np.uint8), (7, 7))
    assert results['img_shape'] == (7, 23)
    assert results['scale_factor'] == (23 / 10, 7 / 3)




def test_resize__fitting_image_is_left_alone():
    img = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    assert np.array_equal(_resize(img, (4, 4))['img'], img)


def test_resize__needs_uint8():
    with pytest.raises(TypeError, match='uint8 image.*float32'):
        _resize(np.zeros((4, 4, 3), np.float32), (2, 2))


@pytest.mark.parametrize('window_size', [(0, 4), (4, 4, 4)])
def test_resize__needs_a_sensible_window(window_size):
    with pytest.raises(ValueError, match='two positive integers'):
        TRANSFORMS.build(
            dict(type='ResizeToWindow', window_size=window_size))
