"""Draw a road scene, and set strange objects onto its ground.

Both are pure functions of their generator. Shape letters: H rows, W columns.
"""
from dataclasses import dataclass

import cv2
import numpy as np

from mmseg_anomaly.datasets.synthetic_roads.patterns import smooth_noise
from mmseg_anomaly.datasets.synthetic_roads.strange_objects import (
    draw_strange_object,
    ellipse_polygon,
)
from mmseg_anomaly.labels import OUTLIER_INDEX

from .camera import Camera, sample_camera
from .canvas import Canvas
from .road_users import (
    cast_shadow,
    paint_car,
    paint_person,
    paint_pole,
    paint_tree,
)
from .street import (
    Street,
    paint_ground,
    paint_houses,
    paint_sky,
    sample_street_shape,
)

SUPERSAMPLING = 2  # scenes are drawn larger and averaged down
DRAWN_PX = 96  # side of an object before it is scaled into a scene
NEAR_FAR_M = (4.5, 13.0)
SIZE_M = (0.8, 1.9)


@dataclass(frozen=True)
class Scene:
    """A finished scene.

    Args:
        image: (H, W, 3) uint8, BGR.
        label: (H, W) uint8 class ids.
        camera: Camera of the finished picture.
        street: Measures of the street.
    """

    image: np.ndarray
    label: np.ndarray
    camera: Camera
    street: Street


def draw_scene(image_hw: tuple[int, int],
               generator: np.random.Generator) -> Scene:
    """Draw a scene of (H, W) pixels; equal generators give equal scenes."""
    large_hw = (image_hw[0] * SUPERSAMPLING, image_hw[1] * SUPERSAMPLING)
    camera = sample_camera(large_hw, generator)
    street = sample_street_shape(generator)
    canvas = Canvas(large_hw, generator)
    paint_sky(canvas, generator)
    paint_ground(canvas, camera, street, generator)
    paint_houses(canvas, camera, street, generator)
    _paint_standing(canvas, camera, street, generator)
    image = cv2.resize(
        canvas.image, image_hw[::-1], interpolation=cv2.INTER_AREA)
    return Scene(
        image=apply_exposure(image, generator),
        label=canvas.label[::SUPERSAMPLING, ::SUPERSAMPLING].copy(),
        camera=camera.resized(1 / SUPERSAMPLING),
        street=street)


def _paint_standing(canvas: Canvas, camera: Camera, street: Street,
                    generator: np.random.Generator) -> None:
    """Paint what stands on the street, the far things first."""
    slant, factor = generator.uniform(-2, 2), generator.uniform(0.45, 0.75)
    things = sorted(
        _draw_things(street, generator), key=lambda thing: -thing[1][1])
    for _, foot, half_m in things:
        cast_shadow(canvas, camera, foot, half_m, slant, factor)
    for paint, foot, _ in things:
        paint(canvas, camera, foot, generator)


def _draw_things(street: Street, generator: np.random.Generator) -> list:
    """Return (painter, foot, half width) of everything that stands."""
    kerb, walk = street.road_half_width_m, street.sidewalk_width_m
    plans = [  # painter, how many, |x| from the middle, z, half width
        (paint_car, generator.integers(1, 5), (1.3, kerb - 1), (7, 45), 0.9),
        (paint_person, generator.integers(2, 7), (kerb + .3, kerb + walk - .3),
         (4.5, 16), 0.25),
        (paint_person, generator.integers(0, 3), (0.5, kerb), (6, 16), 0.25),
        (paint_pole, generator.integers(1, 4), (kerb + .2, kerb + .6),
         (5, 20), 0.2),
        (paint_tree, generator.integers(0, 5), (kerb + walk, kerb + walk + 2),
         (7, 40), 1.2)]
    things = []
    for painter, count, (inner, outer), (near, far), half_m in plans:
        for _ in range(count):
            side = generator.choice([-1, 1])
            x = side * generator.uniform(inner, outer) - street.offset_m
            # more room ahead than nearby: uniform in 1/z would crowd the car
            z = near * (far / near)**generator.random()
            things.append((painter, (x, z), half_m))
    return things


def apply_exposure(image: np.ndarray,
                   generator: np.random.Generator) -> np.ndarray:
    """Turn painted light into a photograph: weather, lens, sensor.

    Args:
        image: (H, W, 3) float32 BGR around [0, 255].
        generator: Samples brightness, contrast, tint and noise.

    Returns:
        (H, W, 3) uint8.
    """
    height, width = image.shape[:2]
    gain = generator.uniform(0.75, 1.15) * generator.uniform(0.94, 1.06, 3)
    uneven = 1 + 0.08 * smooth_noise((height, width), width / 2, generator)
    image = image * gain.astype(np.float32) * uneven[..., None]
    image += generator.standard_normal(image.shape, np.float32) * (
        generator.uniform(1.5, 5))
    return np.clip(image, 0, 255).astype(np.uint8)


def add_strange_objects(
        scene: Scene, count: int,
        generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Set objects of the test kinds onto road and sidewalks.

    Each has a size in metres, stands where its distance puts it, and
    darkens the ground below it.

    Args:
        scene: Left untouched.
        count: Number of objects.
        generator: Samples objects, places and sizes.

    Returns:
        ``(image, label)`` as in the scene, with 254 where an object covers
        at least half of a pixel.
    """
    image, label = scene.image.astype(np.float32), scene.label.copy()
    near, far = NEAR_FAR_M
    distances = near * (far / near)**generator.random(count)
    for distance_m in sorted(distances, reverse=True):
        _set_object(image, label, scene, distance_m, generator)
    return np.clip(image, 0, 255).astype(np.uint8), label


def _set_object(image: np.ndarray, label: np.ndarray, scene: Scene,
                distance_m: float, generator: np.random.Generator) -> None:
    cutout, mask, _ = draw_strange_object('test', DRAWN_PX, generator)
    reach = min(scene.street.wall_x_m,
                0.45 * image.shape[1] * distance_m / scene.camera.focal_px)
    foot = (generator.uniform(-reach, reach), 0.0, distance_m)
    (x, y), = scene.camera.project([foot])
    size_px = round(scene.camera.focal_px / distance_m
                    * generator.uniform(*SIZE_M))
    _darken(image, (x, y), size_px)
    # the margin of the drawn picture lies below the object's foot
    left, top = round(x - size_px / 2), round(y - size_px * 0.95)
    alpha = _shrink(mask.astype(np.float32), size_px)
    paint = _shrink((cutout * mask[..., None]).astype(np.float32), size_px)
    seen, part = _overlap((top, left), size_px, label.shape)
    image[seen] *= 1 - alpha[part][..., None]
    image[seen] += paint[part]  # already weighted by alpha
    label[seen][alpha[part] >= 0.5] = OUTLIER_INDEX


def _shrink(picture: np.ndarray, size_px: int) -> np.ndarray:
    return cv2.resize(
        picture, (size_px, size_px), interpolation=cv2.INTER_AREA)


def _overlap(
    top_left: tuple[int, int], size_px: int, image_hw: tuple[int, int]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return where a square lies in the image, and which part of it does."""
    seen, part = [], []
    for start, length in zip(top_left, image_hw, strict=True):
        low, high = max(start, 0), max(min(start + size_px, length), 0)
        seen.append(slice(low, max(low, high)))
        part.append(slice(low - start, max(low, high) - start))
    return tuple(seen), tuple(part)


def _darken(image: np.ndarray, foot_xy: tuple[float, float],
            size_px: float) -> None:
    ground = np.zeros(image.shape[:2], np.float32)
    shadow = ellipse_polygon(foot_xy, (size_px * 0.55, size_px * 0.12))
    cv2.fillPoly(ground, [np.round(shadow).astype(np.int32)], 1.0)
    image *= 1 - 0.45 * cv2.GaussianBlur(ground, (0, 0), 1.0)[..., None]
