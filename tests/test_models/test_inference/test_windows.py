import json
import math

import numpy as np
import pytest
import torch

from mmseg_anomaly.models.inference.windows import (
    even_starts,
    stitch_windows,
    strided_starts,
    total_weight,
    window_origins,
    window_weight,
)

SIZES = [(40, 90), (32, 32), (31, 97), (33, 65), (20, 20), (7, 300)]
STRIDES = [None, (32, 32), (20, 13), (1, 31)]


@pytest.mark.parametrize('length, window, starts', [
    (72, 32, [0, 20, 40]),
    (64, 32, [0, 32]),
    (32, 32, [0]),
    (33, 32, [0, 1]),
    (1696, 512, [0, 394, 789, 1184]),
    (20, 32, [0]),
])
def test_even_starts__hand_computed(length, window, starts):
    assert even_starts(length, window) == starts


def test_even_starts__reach_the_end_where_floating_point_does_not():
    # j * (352 - overlap / 11) truncates to 3520 for j = 11
    window, length, gaps = 352, 3873, 11
    overlap = (12 * window - length) / gaps
    assert int(gaps * (window - overlap)) == length - window - 1
    assert even_starts(length, window)[-1] == length - window


def test_even_starts__inner_starts_are_those_of_the_floating_formula():
    for length in range(65, 640):
        count = math.ceil(length / 64)
        step = 64 - (count * 64 - length) / (count - 1)
        expected = [int(j * step) for j in range(count)]
        assert even_starts(length, 64)[:-1] == expected[:-1]


@pytest.mark.parametrize('length, window, stride, starts', [
    (10, 4, 3, [0, 3, 6]),
    (11, 4, 3, [0, 3, 6, 7]),
    (4, 4, 3, [0]),
    (3, 4, 3, [0]),
    (5, 4, 4, [0, 1]),
])
def test_strided_starts__last_window_ends_with_the_image(
        length, window, stride, starts):
    assert strided_starts(length, window, stride) == starts


@pytest.mark.parametrize('size_hw', SIZES)
@pytest.mark.parametrize('stride_hw', STRIDES)
def test_window_origins__cover_every_pixel(size_hw, stride_hw):
    covered = np.zeros(size_hw, bool)
    for y, x in window_origins(size_hw, (32, 32), stride_hw):
        covered[y:y + 32, x:x + 32] = True
        assert y == 0 or y + 32 <= size_hw[0]
        assert x == 0 or x + 32 <= size_hw[1]
    assert covered.all()


def test_window_origins__both_axes_row_by_row():
    assert window_origins((6, 9), (4, 4)) == [(0, 0), (0, 2), (0, 5), (2, 0),
                                              (2, 2), (2, 5)]


@pytest.mark.parametrize('stride_hw', [(33, 32), (32, 40), (0, 8), (-1, 8)])
def test_window_origins__refuse_strides_with_gaps(stride_hw):
    with pytest.raises(ValueError, match=r'`stride` must lie between 1 and'):
        window_origins((64, 64), (32, 32), stride_hw)


def test_window_origins__equal_the_reference(reference_dir):
    reference = json.loads((reference_dir / 'F_windowing.json').read_text())
    rows = [(tables['img_size'], row) for tables in reference['geometry']
            for row in tables['rows']]
    assert len(rows) > 10
    for img_size, row in rows:
        along = 0 if row['axis'] == 'height' else 1
        origins = window_origins(row['resized'], img_size)
        assert [origin[along] for origin in origins
                ] == [start for _, start, _ in row['origins']]
        assert {origin[1 - along] for origin in origins} == {0}


def test_window_weight__hann_by_hand():
    # sin(pi/8)^2, sin(3 pi/8)^2 and 0.5 = sin(pi/4)^2
    low, high = math.sin(math.pi / 8)**2, math.sin(3 * math.pi / 8)**2
    expected = 0.5 * torch.tensor([low, high, high, low]).expand(2, 4)
    torch.testing.assert_close(window_weight((2, 4), 'hann'), expected)


def test_window_weight__hann_keeps_corners():
    weight = window_weight((1024, 1024), 'hann')
    assert weight.min() > 0


def test_window_weight__refuses_unknown_kinds():
    with pytest.raises(ValueError, match='`window_weight` must be one of'):
        window_weight((2, 2), 'gauss')


def _replay(values):
    """Return the windows in turn, whatever they are computed from."""
    remaining = iter(torch.as_tensor(values))

    def forward(windows, _):
        return {'value': torch.stack([next(remaining) for _ in windows])}

    return forward


@pytest.mark.parametrize('kind', ['uniform', 'hann'])
@pytest.mark.parametrize('size_hw', [(32, 32), (40, 90), (33, 65)])
@pytest.mark.parametrize('stride_hw', STRIDES)
def test_stitch_windows__of_ones_is_ones(kind, size_hw, stride_hw):
    stitched = stitch_windows(
        torch.zeros(1, 3, *size_hw),
        lambda windows, _: {'value': torch.ones(len(windows), 2, 32, 32)},
        (32, 32), stride_hw=stride_hw, weight_kind=kind, batch_size=100)
    torch.testing.assert_close(
        stitched['value'], torch.ones(1, 2, *size_hw))


def test_stitch_windows__weighted_mean_by_hand():
    # one row of 4 pixels, windows of 3 with Hann weights 1/4, 1 and 1/4
    windows = [[[[1., 3., 5.]]], [[[7., 9., 11.]]]]
    stitched = stitch_windows(torch.zeros(1, 3, 1, 4), _replay(windows),
                              (1, 3), weight_kind='hann')
    expected = [1., (3 + 7 / 4) / 1.25, (5 / 4 + 9) / 1.25, 11.]
    torch.testing.assert_close(
        stitched['value'].flatten(), torch.tensor(expected))


def test_total_weight__counts_uniform_windows():
    total = total_weight([(0, 0), (0, 1)], (1, 3), torch.ones(1, 2))
    assert total.tolist() == [[[1., 2., 1.]]]


def test_stitch_windows__equals_the_reference(reference_dir):
    arrays = np.load(reference_dir / 'F_windowing.npz')
    for source in ('crop_logits', 'chain_crop_per_pixel'):
        name = 'stitched' if source == 'crop_logits' else 'chain_stitched'
        for image, resized in enumerate([(32, 72), (64, 32)]):
            mine = arrays['origins'][:, 0] == image
            stitched = stitch_windows(
                torch.zeros(1, 3, *resized), _replay(arrays[source][mine]),
                (32, 32), batch_size=2)['value']
            expected = arrays[f'{name}{image}']
            full = torch.nn.functional.interpolate(
                stitched, expected.shape[1:], mode='bilinear')[0]
            np.testing.assert_allclose(full, expected, atol=1e-5)
            if name == 'chain_stitched':
                np.testing.assert_array_equal(
                    full.argmax(0), arrays[f'chain_argmax{image}'])


def _position(windows, _):
    return {'value': windows[:, :2] * 2}


@pytest.mark.parametrize('size_hw', SIZES)
@pytest.mark.parametrize('batch_size', [1, 3, 100])
def test_stitch_windows__of_a_pixelwise_function_is_that_function(
        size_hw, batch_size):
    inputs = torch.randn(2, 3, *size_hw)
    stitched = stitch_windows(
        inputs, _position, (32, 32), weight_kind='hann',
        batch_size=batch_size)
    torch.testing.assert_close(stitched['value'], inputs[:, :2] * 2)


def test_stitch_windows__calls_with_image_indices_and_batch_size():
    calls = []

    def record(windows, images):
        calls.append((len(windows), images))
        return {'value': windows[:, :1]}

    stitch_windows(torch.zeros(2, 3, 4, 10), record, (4, 4), batch_size=4)
    assert calls == [(4, [0, 0, 0, 1]), (2, [1, 1])]


def test_stitch_windows__sees_zeros_beyond_a_small_image():
    seen = []

    def record(windows, _):
        seen.append(windows)
        return {'value': windows[:, :1]}

    stitched = stitch_windows(torch.ones(1, 3, 3, 2), record, (4, 5))
    assert seen[0].shape == (1, 3, 4, 5)
    assert seen[0].sum() == 3 * 3 * 2
    assert stitched['value'].tolist() == torch.ones(1, 1, 3, 2).tolist()


def test_stitch_windows__sums_low_precision_in_float32():
    stitched = stitch_windows(
        torch.ones(1, 3, 4, 6),
        lambda windows, _: {'value': windows.bfloat16()}, (4, 4))
    assert stitched['value'].dtype == torch.float32
