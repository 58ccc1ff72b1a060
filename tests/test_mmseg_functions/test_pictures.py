"""Pictures of any kind: arrays of all channels, files of all modes."""
import cv2
import numpy as np
import pytest
import torch
from mmseg.apis import (
    MMSegInferencer,
    inference_model,
    init_model,
    show_result_pyplot,
)
from PIL import Image

# one that resizes its pictures, and one that takes them as they are
CONFIGS = ('eomt_ext/eomt_tiny_demo_oe_eim.py',
           'erfnet/erfnet_fcn_1xb4-160k_cityscapes-512x1024.py')
SIZE_HW = (50, 90)


def noise(channels=3, seed=0):
    return np.random.default_rng(seed).integers(
        256, size=(*SIZE_HW, channels), dtype=np.uint8)


@pytest.fixture(params=CONFIGS)
def model(request, small_config, trained):
    return init_model(small_config(request.param),
                      str(trained(request.param)), device='cpu')


def anomaly_map(model, picture):
    return inference_model(model, picture).pred_anomaly_map.data


def test_arrays__grey_is_three_equal_channels_and_alpha_counts_nothing(model):
    grey, bgr = noise(1), noise()
    expected = anomaly_map(model, grey.repeat(3, axis=2))
    assert expected.shape == (1, *SIZE_HW)
    assert torch.equal(anomaly_map(model, grey), expected)
    assert torch.equal(anomaly_map(model, grey[..., 0]), expected)
    plain = anomaly_map(model, bgr)
    assert not torch.equal(plain, expected)
    for alpha in (np.zeros_like(grey), np.full_like(grey, 255), noise(1, 7)):
        bgra = np.concatenate([bgr, alpha], axis=2)
        assert torch.equal(anomaly_map(model, bgra), plain)


def test_arrays__float_from_0_to_255_is_the_same_as_uint8(
        small_config, trained):
    model = init_model(small_config(CONFIGS[1]), str(trained(CONFIGS[1])),
                       device='cpu')
    assert torch.equal(anomaly_map(model, noise().astype(np.float32)),
                       anomaly_map(model, noise()))


@pytest.mark.parametrize(('picture', 'error', 'message'), [
    (noise(2), ValueError, r'must be grey, BGR or BGRA.* got 2 channels'),
    (np.moveaxis(noise(), 2, 0), ValueError, 'got 90 channels'),
    (noise().astype(np.uint16), TypeError, 'uint8.*uint16'),
    (noise().astype(np.int64), TypeError, 'uint8.*int64'),
    (noise() / 255, ValueError, 'multiply it by 255'),
    (np.full((*SIZE_HW, 3), np.nan), ValueError, 'no finite numbers'),
    (noise() > 9, TypeError, 'uint8.*bool'),
    (noise()[:0], ValueError, r'pixels|\(0, 90\)')])
def test_arrays__of_other_values_are_refused(
        picture, error, message, small_config, trained):
    model = init_model(small_config(CONFIGS[1]), str(trained(CONFIGS[1])),
                       device='cpu')
    with pytest.raises(error, match=message):
        inference_model(model, picture)


def test_arrays__that_no_resize_takes_are_refused(small_config, trained):
    model = init_model(small_config(CONFIGS[0]), str(trained(CONFIGS[0])),
                       device='cpu')
    with pytest.raises(TypeError, match='give an array of uint8 from 0 to'):
        inference_model(model, noise() / 255)
    with pytest.raises(ValueError, match=r'at least one pixel, got .*\(0, 90'):
        inference_model(model, noise()[:0])


def test_paths_and_arrays__mix_in_any_order(model, tmp_path):
    path = str(tmp_path / 'a.png')
    cv2.imwrite(path, noise())
    first, second, third, fourth = (
        anomaly_map(model, picture)
        for picture in (path, noise(), path, noise(1)))
    assert torch.equal(first, second)
    assert torch.equal(first, third)
    results = inference_model(model, [noise(), path, noise(1)[..., 0]])
    for result, expected in zip(results, (first, first, fourth), strict=True):
        torch.testing.assert_close(  # a batch is rounded otherwise
            result.pred_anomaly_map.data, expected)


FILES = {
    'grey.png': ('L', lambda rgb: rgb.convert('L')),
    'palette.png': ('P', lambda rgb: rgb.quantize(256)),
    'bits.png': ('1', lambda rgb: rgb.convert('1')),
    'alpha.png': ('RGBA', lambda rgb: rgb.convert('RGBA')),
    'grey_alpha.png': ('LA', lambda rgb: rgb.convert('LA')),
    'deep.png': ('I;16', lambda rgb: Image.fromarray(
        np.asarray(rgb.convert('L')).astype(np.uint16) * 257)),
    'print.jpg': ('CMYK', lambda rgb: rgb.convert('CMYK')),
    'grey.jpg': ('L', lambda rgb: rgb.convert('L')),
    'rgb.webp': ('RGB', lambda rgb: rgb),
    'rgb.bmp': ('RGB', lambda rgb: rgb),
    'rgb.tif': ('RGB', lambda rgb: rgb),
}


@pytest.mark.parametrize('name', FILES)
def test_files__of_any_mode_are_their_colours(
        name, small_config, trained, tmp_path):
    config = CONFIGS[len(name) % 2]
    model = init_model(small_config(config), str(trained(config)),
                       device='cpu')
    mode, convert = FILES[name]
    smooth = Image.fromarray(noise()).resize((9, 5)).resize(SIZE_HW[::-1])
    stored = convert(smooth)
    assert stored.mode == mode
    stored.save(tmp_path / name)
    with Image.open(tmp_path / name) as read:
        rgb = np.asarray(stored.convert('L').convert('RGB') if mode == 'I;16'
                         else read.convert('RGB'))
        if mode == 'I;16':
            rgb = (np.asarray(stored) >> 8).astype(np.uint8)[..., None].repeat(
                3, axis=2)
    result = anomaly_map(model, str(tmp_path / name))
    expected = anomaly_map(model, rgb[..., ::-1].copy())
    # JPEG is decoded by two libraries
    torch.testing.assert_close(result, expected, atol=2e-2, rtol=2e-2)


@pytest.mark.parametrize('channels', [None, 1, 3, 4])
def test_pictures__are_drawn_on_arrays_of_all_channels(
        channels, model, tmp_path):
    picture = noise(channels or 1)
    picture = picture if channels else picture[..., 0]
    result = inference_model(model, picture)
    drawn = show_result_pyplot(
        model, picture, result, show=False, out_file=str(tmp_path / 'a.png'))
    assert drawn.shape == (*SIZE_HW, 3)
    assert cv2.imread(str(tmp_path / 'a.png')).shape == (*SIZE_HW, 3)
    bare = show_result_pyplot(model, picture, result, show=False, opacity=0)
    assert (bare == picture.reshape(*SIZE_HW, -1)[..., :3]).all()


@pytest.mark.parametrize('config', CONFIGS)
def test_inferencer__takes_a_folder_and_arrays(
        config, small_config, trained, tmp_path):
    folder = tmp_path / 'pictures'
    folder.mkdir()
    cv2.imwrite(str(folder / 'a.png'), noise())
    cv2.imwrite(str(folder / 'b.png'), noise(1))
    inferencer = MMSegInferencer(
        small_config(config), str(trained(config)), device='cpu',
        show_progress=False)
    from_files = inferencer(str(folder), out_dir=str(tmp_path / 'out'))
    from_arrays = inferencer([noise(), noise(1), noise(1)[..., 0], noise(4)],
                             batch_size=2, return_vis=True)
    first, grey, flat, _ = from_arrays['predictions']
    found = sorted(map(np.ndarray.tolist, from_files['predictions']))
    assert found == sorted([first.tolist(), grey.tolist()])
    assert (flat == grey).all()
    assert len(from_arrays['visualization']) == 4
    assert {path.name for path in (tmp_path / 'out/vis').iterdir()} == {
        'a.png', 'b.png'}
