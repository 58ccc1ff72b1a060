import math

import numpy as np
import pytest

from mmseg_anomaly.evaluation.pixels import bootstrap
from mmseg_anomaly.evaluation.pixels.bootstrap import (
    Bootstrap,
    ImageCounts,
    bootstrap_intervals,
    count_image,
)
from mmseg_anomaly.evaluation.pixels.ranking import rank_pixels

NAMES = ('AuPRC', 'FPR95', 'AUROC')


def _images(kind, count, size=3000):
    """Images of one kind of scores that differ in quality and positives."""
    rng = np.random.default_rng(0)
    images = []
    for _ in range(count):
        labels = rng.random(size) < rng.choice([.02, .1])
        scores = rng.normal(size=size) + labels * rng.choice([.5, 2, 3])
        if kind == 'narrow':  # as softmax_msp is with 19 classes
            scores = .85 + .05 / (1 + np.exp(-scores))
        elif kind == 'tied':
            scores = np.round(scores)
        images.append((scores.astype(np.float32), labels.astype(np.uint8)))
    return images


def _counts_of(images):
    counts = ImageCounts()
    for index, image in enumerate(images):
        counts.store(f'{index:03d}.png', count_image(*image))
    return counts


def _values(images):
    scores, labels = (np.concatenate(x) for x in zip(*images, strict=True))
    return rank_pixels(count_image(scores, labels)).values


def _exact_intervals(images, options):
    """Percentiles of the metrics of pixels repeated as drawn."""
    rng = np.random.default_rng(options.seed)
    draws = rng.multinomial(len(images), [1 / len(images)] * len(images),
                            size=options.replicates)
    replicates = []
    for draw in draws:
        values = _values([image for image, times in
                          zip(images, draw, strict=True)
                          for _ in range(times)])
        replicates.append([values[name] for name in NAMES])
    tail = (1 - options.level) / 2
    return np.quantile(replicates, [tail, 1 - tail], axis=0).T


@pytest.mark.parametrize('kind', ['normal', 'narrow'])
def test_intervals__are_near_those_of_the_exact_bootstrap(kind, monkeypatch):
    monkeypatch.setattr(bootstrap, '_BLOCK', 3)
    images, options = _images(kind, 8), Bootstrap(60, .9, 3)
    intervals = bootstrap_intervals(_counts_of(images), _values(images),
                                    options)
    exact = _exact_intervals(images, options)
    assert np.abs(np.array(list(intervals.values())) - exact).max() < .1
    assert (np.diff(exact) > 1).all()


def test_intervals__of_few_distinct_scores_are_exact(monkeypatch):
    monkeypatch.setattr(bootstrap, '_ELEMENTS', 100)  # few replicates a time
    images, options = _images('tied', 6), Bootstrap(40)
    intervals = bootstrap_intervals(_counts_of(images), _values(images),
                                    options)
    exact = _exact_intervals(images, options)
    assert np.array(list(intervals.values())) == pytest.approx(exact)
    assert list(intervals) == list(NAMES)


def test_intervals__follow_the_names_not_the_order():
    images, values = _images('normal', 5), {}
    values = _values(images)
    expected = bootstrap_intervals(_counts_of(images), values, Bootstrap(20))
    shuffled = ImageCounts()
    for index in (3, 1, 4, 0, 2):
        shuffled.store(f'{index:03d}.png', count_image(*images[index]))
    assert bootstrap_intervals(shuffled, values, Bootstrap(20)) == expected
    other = bootstrap_intervals(shuffled, values, Bootstrap(20, seed=1))
    assert other != expected


def test_intervals__replicates_without_anomaly_are_left_out():
    # Half of the replicates lack the only image with an anomaly.
    images = [(np.array([2, 1], np.float32), np.array([1, 0])),
              (np.array([0, 0], np.float32), np.array([0, 0]))]
    intervals = bootstrap_intervals(_counts_of(images), _values(images),
                                    Bootstrap(50))
    assert intervals == {'AuPRC': (100, 100), 'FPR95': (0, 0),
                         'AUROC': (100, 100)}


@pytest.mark.parametrize('count, label', [(1, 1), (3, 0)])
def test_intervals__are_undefined_for_one_image_or_kind(count, label):
    images = [(np.array([2, 1], np.float32), np.array([label, 0]))] * count
    intervals = bootstrap_intervals(_counts_of(images), _values(images),
                                    Bootstrap(5))
    assert all(math.isnan(x) for ends in intervals.values() for x in ends)


@pytest.mark.parametrize('options', [dict(replicates=0), dict(level=1.),
                                     dict(level=0.), dict(seed=-1)])
def test_bootstrap__rejects_what_is_out_of_range(options):
    name, = options
    with pytest.raises(ValueError, match=f'`bootstrap.{name}` must .* got '):
        Bootstrap(**options)


def test_intervals__move_by_what_merging_did_to_the_set():
    """The limits are those of merged scores, moved to the exact value."""
    images = ImageCounts()
    for number, (scores, labels) in enumerate(_images('normal', 6)):
        images.store(f'{number}.png', count_image(scores, labels))
    options = Bootstrap(replicates=50)
    plain = bootstrap_intervals(images, dict.fromkeys(NAMES, 50.), options)
    moved = bootstrap_intervals(images, dict.fromkeys(NAMES, 51.), options)
    for name in ('AuPRC', 'AUROC'):  # FPR95 is cut off at 0
        assert np.subtract(moved[name], plain[name]) == pytest.approx([1, 1])
