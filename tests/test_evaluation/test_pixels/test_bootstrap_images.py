"""The counts of single images, from which the bootstrap samples."""
import tempfile

import numpy as np

from mmseg_anomaly.evaluation.pixels import bootstrap
from mmseg_anomaly.evaluation.pixels.bootstrap import (
    MAX_IMAGE_CELLS,
    ImageCounts,
    count_image,
)
from mmseg_anomaly.evaluation.pixels.float_keys import score_keys
from mmseg_anomaly.evaluation.pixels.score_histogram import ScoreHistogram


def _random_image(seed, size=9000):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=size).astype(np.float32),
            (rng.random(size) < .1).astype(np.uint8))


def test_count_image__hand_computed():
    counts = count_image(np.array([3, 1, 3, -1], np.float32),
                         np.array([1, 0, 0, 1], np.uint8))
    assert np.array_equal(counts.keys,
                          score_keys(np.array([-1, 1, 3], np.float32)))
    assert counts.negatives.tolist() == [0, 1, 1]
    assert counts.positives.tolist() == [1, 0, 1]
    assert counts.level == 0


def test_count_image__of_no_pixel_is_empty():
    counts = count_image(np.zeros(0, np.float32), np.zeros(0, np.uint8))
    assert counts.keys.size == counts.positives.size == 0


def test_image_counts__come_back_coarse_in_the_order_of_names():
    images = ImageCounts()
    for seed in (2, 0, 1):
        images.store(f'{seed}.png', count_image(*_random_image(seed)))
    assert len(images) == 3
    for seed, counts in enumerate(images):
        histogram = ScoreHistogram(MAX_IMAGE_CELLS)
        histogram.update(*_random_image(seed))
        expected = histogram.to_counts()
        assert counts.level == expected.level > 0
        assert counts.keys.size <= MAX_IMAGE_CELLS
        for name in ('keys', 'negatives', 'positives'):
            assert np.array_equal(getattr(counts, name),
                                  getattr(expected, name))


def test_image_counts__travel_in_batches(monkeypatch):
    monkeypatch.setattr(bootstrap, '_BATCH_BYTES', 120_000)
    here, there = ImageCounts(), ImageCounts()
    for seed in range(7):
        target = here if seed % 3 else there
        target.store(f'{seed}.png', count_image(*_random_image(seed)))
    batches = list(there.record_batches())
    assert len(batches) == 2
    for records in batches:
        here.store_records(records)
    for seed, counts in enumerate(here):
        assert counts.positives.sum() == _random_image(seed)[1].sum()
    assert list(ImageCounts().record_batches()) == []


def test_counts__wait_in_a_file_without_a_name(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    counts = ImageCounts()
    counts.store('a', count_image(*_random_image(0)))
    assert len(list(counts)) == 1
    assert list(tmp_path.iterdir()) == []
