"""Set strange objects onto the ground of a finished scene."""
import cv2
import numpy as np

from mmseg_anomaly.labels import OUTLIER_INDEX

from .canvas import ellipse_polygon
from .scene import Scene
from .strange_objects import draw_strange_object

DRAWN_PX = 96  # side of an object before it is scaled into a scene
NEAR_FAR_M = (4.5, 13.0)
SIZE_M = (0.8, 1.9)


def add_strange_objects(
        scene: Scene, count: int,
        generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Set objects of the test kinds onto road and sidewalks.

    Each has a size in metres, stands where its distance puts it, and
    darkens the ground below it.

    Args:
        scene: Left untouched.
        count: Number of objects.
        generator: Draws objects, places and sizes.

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
