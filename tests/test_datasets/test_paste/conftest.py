"""Scenes, objects and a loop that pastes them."""
import cv2
import numpy as np
import pytest

from mmseg_anomaly.datasets.outliers import Cutout
from mmseg_anomaly.datasets.paste import OutlierPaste
from mmseg_anomaly.labels import IGNORE_INDEX


def _solid(height, width, category='box'):
    """Return a brighter object than any scene of these fixtures."""
    return Cutout(
        np.full((height, width, 3), 200, np.uint8),
        np.full((height, width), 255, np.uint8), category)


def _circle(thickness):
    """Return a circle in a field of bright scene it must not bring along."""
    alpha = np.zeros((120, 90), np.uint8)
    cv2.circle(alpha, (45, 60), 40, 255, thickness)
    rows, columns = np.ix_(alpha.any(axis=1), alpha.any(axis=0))
    alpha = alpha[rows, columns]
    return Cutout(
        np.where(alpha[..., None] > 0, np.uint8(200),
                 np.uint8(120)).repeat(3, axis=2), alpha, 'circle')


def _scene(height=48, width=80):
    """Return a dark scene with classes 0 to 2 and void."""
    generator = np.random.default_rng(0)
    return dict(
        img=generator.integers(
            100, size=(height, width, 3), dtype=np.uint8),
        gt_seg_map=generator.choice(
            np.array([0, 1, 2, IGNORE_INDEX], np.uint8), (height, width)),
        seg_fields=['gt_seg_map'])


def _paste_many(draws=100, objects=None, make_scene=_scene, **options):
    """Yield (before, after) with a fresh scene for each paste."""
    objects = _objects() if objects is None else objects
    transform = OutlierPaste(objects, paste_probability=1.0, **options)
    np.random.seed(0)
    for _ in range(draws):
        yield make_scene(), transform(make_scene())


def _objects():
    return [_solid(20, 50), _circle(-1), _circle(15), _solid(90, 3)]


@pytest.fixture
def solid():
    return _solid


@pytest.fixture
def circle():
    return _circle


@pytest.fixture
def scene():
    return _scene


@pytest.fixture
def objects():
    return _objects()


@pytest.fixture
def paste_many():
    return _paste_many
