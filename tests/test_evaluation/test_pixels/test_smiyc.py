import json
import math

import numpy as np
import pytest

from mmseg_anomaly.evaluation.pixels.smiyc import (
    SmiycPixels,
    bin_frame,
    rank_smiyc,
)


def _frame(scores, labels):
    return bin_frame(np.array(scores, np.float32), np.array(labels))


def test_bin_frame__hand_computed():
    # Quantiles of {1, 3} and {1}, and .02 beyond the ends.
    bins = _frame([1, 3, 1], [1, 1, 0])
    assert bins.thresholds == pytest.approx([3, 1, .98])
    assert bins.positives.tolist() == [1, 1, 0]
    assert bins.negatives.tolist() == [0, 1, 0]


def test_bin_frame__has_a_fixed_size():
    rng = np.random.default_rng(0)
    for size in (5_000, 50_000):
        bins = _frame(rng.normal(size=size), rng.integers(2, size=size))
        assert bins.thresholds.size == 769
        assert sum(part.nbytes for part in bins) == 769 * 16
        assert bins.positives.sum() + bins.negatives.sum() == size


def test_bin_frame__without_pixels_is_none():
    assert _frame([], []) is None


def test_rank_smiyc__hand_computed():
    ranking, curves = rank_smiyc([('a', _frame([1, 3, 1], [1, 1, 0]))])
    assert ranking.values == {
        'AuPRC': pytest.approx(100 * (1 / 2 + 1 / 2 * 2 / 3)), 'FPR95': 100,
        'AUROC': 75, 'F1': pytest.approx(80)
    }
    assert ranking.threshold == 1
    assert (ranking.num_positives, ranking.num_negatives) == (2, 1)
    assert all(math.isnan(bound) for bound in ranking.bounds.values())
    assert curves.recall.tolist() == [0, .5, 1, 1]


def test_rank_smiyc__does_not_depend_on_the_order_of_frames():
    rng = np.random.default_rng(0)
    frames = [
        (name, _frame(rng.integers(4, size=90), rng.integers(2, size=90)))
        for name in 'cab'
    ]
    expected, _ = rank_smiyc(frames)
    assert rank_smiyc(frames[::-1])[0].values == expected.values


@pytest.mark.parametrize('frames', [[], [('a', _frame([1, 2], [0, 0]))],
                                    [('a', _frame([1, 2], [1, 1]))]])
def test_rank_smiyc__is_undefined_without_both_kinds(frames):
    ranking, curves = rank_smiyc(frames)
    assert all(math.isnan(value) for value in ranking.values.values())
    assert curves.recall.size == 0


def test_smiyc_pixels__drop_void_and_merge():
    both, first, second = (SmiycPixels(float16=False) for _ in range(3))
    images = [('a', [[1., 3., 9.]], [[1, 1, 255]]), ('b', [[1.]], [[0]]),
              ('c', [[math.nan]], [[255]])]
    for image, part in zip(images, (first, second, second), strict=True):
        for pixels in (both, part):
            pixels.count_image(image[0], np.array(image[1], np.float32),
                          np.array(image[2], np.uint8))
    second.merge_part(first.part())
    assert second.rank()[0].values == both.rank()[0].values
    assert both.rank()[0].num_positives == 2


def test_smiyc_pixels__name_the_image_with_nan():
    with pytest.raises(ValueError, match='NaN among the anomaly scores of a'):
        SmiycPixels(float16=True).count_image(
            'a', np.array([math.nan], np.float32), np.zeros(1, np.uint8))


def _cases(reference_dir):
    content = json.loads(
        (reference_dir / 'G_metrics_pixel_smiyc.json').read_text())
    return [(name, precision, values)
            for name, case in content['cases'].items()
            for precision, values in case['PixBinaryClass'].items()
            if 'numpy_2.4.6' not in values]


@pytest.mark.filterwarnings('error')
def test_smiyc_pixels__equal_the_official_ones(reference_dir):
    arrays = np.load(reference_dir / 'G_metrics_pixel_cases.npz')
    compared = 0
    for name, precision, expected in _cases(reference_dir):
        pixels = SmiycPixels(float16=precision == 'float16')
        for index in range(3):
            if f'{name}.{index}.score' in arrays:
                pixels.count_image(str(index), arrays[f'{name}.{index}.score'],
                                   arrays[f'{name}.{index}.label'])
        ranking, _ = pixels.rank()
        if 0 in (ranking.num_positives, ranking.num_negatives):
            assert math.isnan(ranking.values['AuPRC'])
        elif 'raises' not in expected:
            compared += 1
            assert list(ranking.values.values()) == pytest.approx(
                [100 * expected[key] for key in (
                    'area_PRC', 'tpr95_fpr', 'area_ROC', 'best_f1')],
                abs=1e-6, rel=0), (name, precision)
            assert ranking.threshold == pytest.approx(
                expected['best_f1_threshold'], abs=1e-6)
    assert compared == 41
