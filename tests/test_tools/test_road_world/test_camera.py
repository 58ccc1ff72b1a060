"""Perspective by hand: 100 px focal length, 2 m above the ground."""
import numpy as np
import pytest

from road_world.camera import Camera

CAMERA = Camera(focal_px=100, vanish_x=50, horizon_y=40, height_m=2)


def test_project__ground_and_air():
    pixels = CAMERA.project([(0, 0, 10), (1, 0, 10), (1, 2, 5), (-1, 4, 10)])
    assert pixels.tolist() == [[50, 60], [60, 60], [70, 40], [40, 20]]


def test_project__points_behind_stay_finite():
    assert np.isfinite(CAMERA.project([(1, 0, -3), (1, 0, 0)])).all()


def test_resized__halves_the_picture():
    points = [(1, 0.5, 7)]
    assert CAMERA.resized(0.5).project(points) == pytest.approx(
        CAMERA.project(points) / 2)
