"""The fast counter against a sort, a run-length count and a merge."""
import numpy as np
import pytest

from mmseg_anomaly.evaluation.pixels.float_keys import (
    MAX_LEVEL,
    cell_keys,
    score_keys,
)
from mmseg_anomaly.evaluation.pixels.score_histogram import (
    ScoreCounts,
    ScoreHistogram,
)


def count_by_sorting(scores, labels, max_distinct):
    """Count at the smallest level that leaves few enough cells."""
    valid = labels != 255
    keys, anomalous = score_keys(scores[valid]), labels[valid] == 1
    for level in range(MAX_LEVEL + 1):
        cells, places = np.unique(cell_keys(keys, level), return_inverse=True)
        if cells.size <= max_distinct or level == MAX_LEVEL:
            break
    positives = np.bincount(places[anomalous], minlength=cells.size)
    pixels = np.bincount(places, minlength=cells.size)
    return ScoreCounts(cells, pixels - positives, positives, level)


def _scores(kind, size, rng):
    normal = rng.normal(size=size)
    return {
        'normal': normal,
        'clumped': 1 - np.abs(normal) * 2.**-rng.integers(8, 30, size),
        'logistic': 1 / (1 + np.exp(-6 * normal)),
        'few': rng.integers(-3, 4, size) / 8,
        'signs': np.where(rng.random(size) < .01, -np.inf, normal * 1e-30),
    }[kind].astype(np.float32)


@pytest.mark.parametrize('max_distinct', [50, 3000, 200_000])
@pytest.mark.parametrize('kind', ['normal', 'clumped', 'logistic', 'few',
                                  'signs'])
def test_histogram__counts_as_sorting_does(kind, max_distinct):
    rng = np.random.default_rng(0)
    scores = _scores(kind, 120_000, rng)
    labels = rng.choice([0, 1, 255], scores.size, p=[.8, .1, .1])
    expected = count_by_sorting(scores, labels, max_distinct)
    for order, cuts in ((slice(None), [70_000]),
                        (slice(None, None, -1), [1, 999, 50_000])):
        whole = ScoreHistogram(max_distinct)
        for part, part_labels in zip(np.split(scores[order], cuts),
                                     np.split(labels[order], cuts),
                                     strict=True):
            here = ScoreHistogram(max_distinct)
            here.update(part, part_labels)
            whole.merge(here.to_counts())
        found = whole.to_counts()
        assert found.level == expected.level
        for name in ('keys', 'negatives', 'positives'):
            assert np.array_equal(getattr(found, name),
                                  getattr(expected, name))
