import numpy as np
import pytest

from mmseg_anomaly.evaluation.pixels.ranking import (
    ranking_curves,
    thin_curves,
)
from mmseg_anomaly.evaluation.pixels.score_histogram import (
    ScoreCounts,
    ScoreHistogram,
)


def _counts(scores, labels, **kwargs):
    histogram = ScoreHistogram(**kwargs)
    histogram.update(np.array(scores, np.float32), np.array(labels))
    return histogram.to_counts()


def test_ranking_curves__hand_computed():
    # 4: anomaly, 3: one of each, 1: normal.
    curves = ranking_curves(_counts([4, 3, 3, 1], [1, 1, 0, 0]))
    below = np.nextafter(np.float32([4, 3, 1]), np.float32(-np.inf))
    assert curves.thresholds.tolist() == below.tolist()
    assert curves.recall.tolist() == [.5, 1, 1]
    assert curves.precision.tolist() == [1, 2 / 3, .5]
    assert curves.fpr.tolist() == [0, .5, 1]


def test_ranking_curves__points_of_merged_scores_are_exact():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=5000).astype(np.float32)
    labels = (rng.random(5000) < .3).astype(np.uint8)
    curves = ranking_curves(_counts(scores, labels, max_distinct=100))
    assert curves.thresholds.size < 2000
    for number, threshold in enumerate(curves.thresholds):
        chosen = labels[scores > threshold]
        assert curves.recall[number] == chosen.sum() / labels.sum()
        assert curves.precision[number] == chosen.mean()


@pytest.mark.parametrize('label', [0, 1])
def test_ranking_curves__without_both_kinds_have_no_points(label):
    curves = ranking_curves(_counts([1, 2], [label, label]))
    assert [values.size for values in vars(curves).values()] == [0] * 4


def test_ranking_curves__of_nothing_have_no_points():
    empty = np.zeros(0, np.int64)
    counts = ScoreCounts(empty.astype(np.uint32), empty, empty)
    assert ranking_curves(counts).recall.size == 0


def test_thin_curves__every_dropped_point_is_near_a_kept_one():
    rng = np.random.default_rng(0)
    positive = rng.random(50_000) < np.linspace(.9, .001, 50_000)
    tp, fp = np.cumsum(positive), np.cumsum(~positive)
    thresholds = np.linspace(1, 0, 50_000)
    full = thin_curves(thresholds, tp, fp, 50_000)
    thin = thin_curves(thresholds, tp, fp, 2000)
    assert thin.thresholds.size <= 2000
    assert (thin.recall[0], thin.recall[-1], thin.fpr[-1]) == (
        full.recall[0], 1, 1)
    steps = [np.abs(np.diff(x)).sum()
             for x in (full.recall, full.precision, full.fpr)]
    kept = np.searchsorted(-full.thresholds, -thin.thresholds, 'right') - 1
    nearest = kept[np.searchsorted(kept, np.arange(50_000), 'right') - 1]
    for name in ('recall', 'precision', 'fpr'):
        values = getattr(full, name)
        distance = np.abs(values - values[nearest]).max()
        assert distance <= sum(steps) / 1999 + 1e-12
        assert np.array_equal(getattr(thin, name), values[kept])


def test_thin_curves__keeps_the_last_threshold_of_a_flat_end():
    # After the first point nothing moves any more.
    curves = thin_curves(np.array([3., 2., 1., 0.]), np.array([1, 1, 1, 1]),
                         np.array([1, 1, 1, 1]), 2)
    assert curves.thresholds[-1] == 0


def test_thin_curves__needs_two_points():
    with pytest.raises(ValueError, match='both ends of a curve, got 1'):
        thin_curves(np.zeros(1), np.ones(1), np.ones(1), 1)
