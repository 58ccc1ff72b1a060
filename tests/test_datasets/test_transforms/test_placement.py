import numpy as np

from mmseg_anomaly.datasets.transforms.placement import uniform_placement


def test_uniform_placement__reaches_every_place_equally_often():
    generator = np.random.default_rng(0)
    places = [
        uniform_placement((4, 5), (3, 3), generator) for _ in range(3000)
    ]
    found, counts = np.unique(places, axis=0, return_counts=True)
    assert found.tolist() == [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]
    assert (abs(counts - 500) < 100).all()  # 5 standard deviations


def test_object_as_large_as_the_image__has_one_place():
    generator = np.random.default_rng(0)
    assert uniform_placement((4, 5), (4, 5), generator) == (0, 0)
