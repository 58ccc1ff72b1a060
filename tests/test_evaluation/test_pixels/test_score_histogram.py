import json
import math
import tracemalloc

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from mmseg_anomaly.evaluation.pixels import fast_counter, score_histogram
from mmseg_anomaly.evaluation.pixels.float_keys import cell_keys
from mmseg_anomaly.evaluation.pixels.ranking import rank_pixels
from mmseg_anomaly.evaluation.pixels.score_histogram import (
    ScoreCounts,
    ScoreHistogram,
)
from mmseg_anomaly.labels import IGNORE_INDEX


def _histogram(scores, labels, num_parts=1, **kwargs):
    histogram = ScoreHistogram(**kwargs)
    for part in np.array_split(np.arange(scores.size), num_parts):
        histogram.update(scores[part], labels[part])
    return histogram


def _sklearn(scores, labels):
    fpr, tpr, _ = roc_curve(labels, scores, drop_intermediate=False)
    return {
        'AuPRC': 100 * average_precision_score(labels, scores),
        'FPR95': 100 * fpr[np.argmax(tpr >= .95)],
        'AUROC': 100 * roc_auc_score(labels, scores)
    }


def _saturated(num_pixels, seed=0):
    """Sigmoid scores: a clump at 1 and tails through all octaves."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(num_pixels) < .05).astype(np.uint8)
    logits = rng.normal(8 + 4 * labels, 4).astype(np.float32)
    return 1 / (1 + np.exp(-logits)), labels


def _assert_equal(first, second):
    assert first.level == second.level
    for name in ('keys', 'negatives', 'positives'):
        assert np.array_equal(getattr(first, name), getattr(second, name))


def test_update__counts_by_score_and_label():
    histogram = _histogram(
        np.array([.5, -1, .5, .5, 0, -0.0, 7], np.float32),
        np.array([1, 0, 0, 1, 0, 1, 255]))
    counts = histogram.to_counts()
    assert counts.negatives.tolist() == [1, 1, 1]  # -1, 0, .5
    assert counts.positives.tolist() == [0, 1, 2]
    assert counts.level == 0


def test_update__ranks_infinities():
    scores = np.array([np.inf, -np.inf, 3e38, -3e38], np.float32)
    counts = _histogram(scores, np.array([1, 0, 0, 1])).to_counts()
    assert counts.positives.tolist() == [0, 1, 0, 1]


def test_update__takes_maps_of_any_shape_and_no_pixel():
    histogram = ScoreHistogram()
    histogram.update(np.zeros((2, 3), np.float32), np.ones((2, 3), np.int64))
    histogram.update(np.zeros((0, 3), np.float32), np.ones((0, 3), np.uint8))
    assert histogram.to_counts().positives.tolist() == [6]


def test_update__leaves_its_arguments_alone():
    scores, labels = np.array([-0.0, 1], np.float32), np.array([0, 255])
    _histogram(scores, labels)
    assert np.signbit(scores[0])
    assert labels.tolist() == [0, 255]


def test_update__nan_is_named_unless_void():
    scores = np.array([1, np.nan], np.float32)
    histogram = ScoreHistogram()
    histogram.update(scores, np.array([0, 255]))
    with pytest.raises(ValueError, match=r'NaN among .* of road7\.png'):
        histogram.update(scores, np.array([0, 1]), 'road7.png')
    assert histogram.to_counts().negatives.sum() == 1


@pytest.mark.parametrize('labels', [[0, 2], [0, -1], [254, 0]])
def test_update__rejects_other_labels(labels):
    with pytest.raises(ValueError, match='must be 0, 1 or 255'):
        ScoreHistogram().update(np.zeros(2, np.float32), np.array(labels))


def test_update__rejects_other_shapes_and_types():
    with pytest.raises(ValueError, match=r'one shape, got \(2,\) and \(3,\)'):
        ScoreHistogram().update(np.zeros(2, np.float32), np.zeros(3, int))
    with pytest.raises(TypeError, match='must be float32, got float64'):
        ScoreHistogram().update(np.zeros(2), np.zeros(2, int))


@pytest.mark.parametrize('limit', [0, 655361])
def test_init__rejects_a_limit_that_cannot_hold(limit):
    with pytest.raises(ValueError, match='`max_distinct` must lie in'):
        ScoreHistogram(limit)


@pytest.mark.parametrize('seed', range(3))
def test_metrics__equal_sklearn(seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, 3000)
    scores = (labels + rng.normal(size=3000)).astype(np.float32)
    if seed:
        scores = np.round(scores, seed)  # ties
    ranking = rank_pixels(_histogram(scores, labels).to_counts())
    expected = _sklearn(scores, labels)
    values = {name: ranking.values[name] for name in expected}
    assert values == pytest.approx(expected, abs=1e-9)


def _reference_cases(reference_dir):
    stored = json.loads(
        (reference_dir / 'G_metrics_pixel_sklearn.json').read_text())
    arrays = np.load(reference_dir / 'G_metrics_pixel_cases.npz')
    for case, expected in stored['cases'].items():
        histogram = ScoreHistogram()
        for frame in range(expected['num_frames']):
            histogram.update(arrays[f'{case}.{frame}.score'],
                             arrays[f'{case}.{frame}.label'])
        yield case, expected, rank_pixels(histogram.to_counts())


def test_metrics__equal_every_reference_case(reference_dir):
    num_defined = 0
    for case, expected, ranking in _reference_cases(reference_dir):
        assert ranking.num_positives == expected['num_positive'], case
        assert ranking.num_negatives == expected['num_negative'], case
        assert ranking.level == 0, case
        if 0 in (ranking.num_positives, ranking.num_negatives):
            assert all(map(math.isnan, ranking.values.values())), case
            continue
        num_defined += 1
        sklearn = expected['sklearn']
        expected = {
            'AuPRC': 100 * sklearn['AP'],
            'FPR95': 100 * sklearn['FPR95_first_tpr_ge_095_no_drop'],
            'AUROC': 100 * sklearn['AUROC']
        }
        values = {name: ranking.values[name] for name in expected}
        assert values == pytest.approx(expected, abs=1e-9), case
    assert num_defined >= 15


@pytest.mark.parametrize('max_distinct', [655360, 30000, 50])
def test_result__depends_on_the_multiset_alone(max_distinct, monkeypatch):
    monkeypatch.setattr(score_histogram, '_EXCESS', 500)
    monkeypatch.setattr(score_histogram, '_CHUNK', 2048)
    scores, labels = _saturated(60_000)
    scores = np.concatenate([scores, scores[:30_000] - 1])
    labels = np.concatenate([labels, labels[:30_000]])
    whole = _histogram(scores, labels, max_distinct=max_distinct).to_counts()
    assert whole.level == {655360: 0, 30000: 13, 50: 15}[max_distinct]
    order = np.random.default_rng(1).permutation(scores.size)
    for sequence in (order, np.argsort(scores), np.argsort(-scores)):
        split = _histogram(scores[sequence], labels[sequence], 7,
                           max_distinct=max_distinct)
        _assert_equal(split.to_counts(), whole)


def test_level__is_the_smallest_that_suffices(monkeypatch):
    monkeypatch.setattr(score_histogram, '_EXCESS', 100)
    monkeypatch.setattr(score_histogram, '_CHUNK', 512)
    rng = np.random.default_rng(0)
    scores = rng.standard_normal(20_000).astype(np.float32)
    counts = _histogram(scores, np.zeros(20_000, int), 5,
                        max_distinct=8000).to_counts()
    exact = _histogram(scores, np.zeros(20_000, int)).to_counts().keys
    below = cell_keys(exact, counts.level - 1)
    assert counts.keys.size <= 8000 < np.unique(below).size


@pytest.mark.parametrize('max_distinct', [655360, 3000])
def test_merge__equals_one_histogram(max_distinct, monkeypatch):
    monkeypatch.setattr(score_histogram, '_EXCESS', 500)
    monkeypatch.setattr(score_histogram, '_CHUNK', 2048)
    scores, labels = _saturated(60_000)
    whole = _histogram(scores, labels, max_distinct=max_distinct)
    parts = [slice(0, 1000), slice(1000, 50_000), slice(50_000, None)]
    for order in (parts, parts[::-1]):
        merged = _histogram(scores[order[0]], labels[order[0]],
                            max_distinct=max_distinct)
        for part in order[1:]:
            merged.merge(_histogram(scores[part], labels[part],
                                    max_distinct=max_distinct).to_counts())
        _assert_equal(merged.to_counts(), whole.to_counts())


def test_merged_scores__stay_within_the_bound_and_a_hundredth_point():
    scores, labels = _saturated(200_000)
    ranking = rank_pixels(
        _histogram(scores, labels, max_distinct=60_000).to_counts())
    assert ranking.level > 0
    for name, value in _sklearn(scores, labels).items():
        error = abs(ranking.values[name] - value)
        assert error <= ranking.bounds[name] + 1e-9
        assert error < .01


def test_counts__pass_the_range_of_32_bits():
    scores, labels = np.array([1, 2], np.float32), np.array([0, 1])
    histogram = _histogram(scores, labels)
    for _ in range(33):
        histogram.merge(histogram.to_counts())
    histogram.update(scores, labels)
    counts = histogram.to_counts()
    assert counts.negatives.tolist() == [2**33 + 1, 0]
    assert counts.positives.tolist() == [0, 2**33 + 1]


def test_counter__is_emptied_before_it_overflows(monkeypatch):
    monkeypatch.setattr(fast_counter, '_MAX_PIXELS', 100_000)
    scores, labels = _saturated(400_000)
    scores = np.round(scores, 3)
    _assert_equal(_histogram(scores, labels, 3).to_counts(),
                  _histogram(scores[::-1], labels[::-1]).to_counts())


def test_to_counts__does_not_end_the_counting():
    scores, labels = _saturated(1000)
    histogram = _histogram(scores[:500], labels[:500])
    histogram.to_counts()
    histogram.update(scores[500:], labels[500:])
    _assert_equal(histogram.to_counts(), _histogram(scores,
                                                    labels).to_counts())


@pytest.mark.parametrize('wide', [False, True])
def test_memory__stays_below_64_megabytes(wide):
    rng = np.random.default_rng(0)
    scores = rng.standard_normal(1_500_000).astype(np.float32)
    labels = np.zeros(scores.size, np.uint8)
    start = np.array([2**32 if wide else 1])
    tracemalloc.start()
    histogram = ScoreHistogram()
    histogram.merge(ScoreCounts(np.array([1 << 30], np.uint32), start, start))
    histogram.update(scores, labels)
    counts = histogram.to_counts()
    peak_counting = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    del histogram
    rank_pixels(counts)
    peak_ranking = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert counts.level > 0
    assert max(peak_counting, peak_ranking) < 64e6


def test_void__is_that_of_the_label_convention():
    assert score_histogram.IGNORE_LABEL == IGNORE_INDEX
