"""Draw things that no road scene of this world knows.

Shapes are polygons in a unit square, x to the right, y down, the ground at
y = 1. Shape letters: H, W rows and columns, N points.
"""
from collections.abc import Callable

import cv2
import numpy as np

from .patterns import paint_pattern, smooth_noise, vivid_colors

Polygons = list[np.ndarray]


def _rect(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    return np.array([(left, top), (right, top), (right, bottom),
                     (left, bottom)])


def _oval(x: float, y: float, half_w: float, half_h: float) -> np.ndarray:
    return ellipse_polygon((x, y), (half_w, half_h), 28)


def _crate(generator: np.random.Generator) -> Polygons:
    lean = generator.uniform(0.1, 0.25)
    return [_rect(0.08, 0.3, 0.92 - lean, 1),
            np.array([(0.08, 0.3), (0.08 + lean, 0.12), (0.95, 0.12),
                      (0.95, 0.8), (0.92 - lean, 1), (0.92 - lean, 0.3)])]


def _ball(generator: np.random.Generator) -> Polygons:
    return [_oval(0.5, 0.55, 0.45, 0.45)]


def _cone(generator: np.random.Generator) -> Polygons:
    top = generator.uniform(0.03, 0.12)
    return [np.array([(0.5 - top, 0.05), (0.5 + top, 0.05), (0.82, 0.9),
                      (0.18, 0.9)]), _rect(0.05, 0.9, 0.95, 1)]


def _barrel(generator: np.random.Generator) -> Polygons:
    bulge = generator.uniform(0.05, 0.15)
    return [np.array([(0.25, 0.05), (0.75, 0.05), (0.75 + bulge, 0.5),
                      (0.75, 1), (0.25, 1), (0.25 - bulge, 0.5)])]


def _table(generator: np.random.Generator) -> Polygons:
    top, leg = generator.uniform(0.3, 0.5), generator.uniform(0.07, 0.12)
    return [_rect(0.02, top, 0.98, top + 0.14),
            _rect(0.08, top, 0.08 + leg, 1), _rect(0.92 - leg, top, 0.92, 1)]


def _animal(generator: np.random.Generator) -> Polygons:
    head_y = generator.uniform(0.25, 0.45)
    legs = [_rect(x, 0.6, x + 0.09, 1) for x in (0.14, 0.3, 0.56, 0.72)]
    return [_oval(0.47, 0.56, 0.38, 0.2), _oval(0.85, head_y, 0.14, 0.13),
            np.array([(0.68, 0.5), (0.8, head_y), (0.92, head_y),
                      (0.84, 0.6)]), *legs]


def _star(generator: np.random.Generator) -> Polygons:
    points = 2 * int(generator.integers(5, 9))
    angle = np.arange(points) * 2 * np.pi / points - np.pi / 2
    radius = np.where(np.arange(points) % 2, generator.uniform(0.2, 0.3), 0.5)
    return [0.5 + radius[:, None] * np.stack((np.cos(angle), np.sin(angle)),
                                             axis=1)]


def _boulder(generator: np.random.Generator) -> Polygons:
    angle = np.linspace(0, 2 * np.pi, 13, endpoint=False)
    radius = generator.uniform(0.32, 0.5, 13)[:, None]
    corners = np.stack((np.cos(angle), 0.8 * np.sin(angle)), axis=1)
    return [np.array([0.5, 0.58]) + radius * corners]


def _sofa(generator: np.random.Generator) -> Polygons:
    back = generator.uniform(0.25, 0.4)
    return [_rect(0.12, back, 0.88, 0.9), _rect(0, 0.5, 0.18, 0.95),
            _rect(0.82, 0.5, 1, 0.95), _rect(0.05, 0.9, 0.12, 1),
            _rect(0.88, 0.9, 0.95, 1)]


def _umbrella(generator: np.random.Generator) -> Polygons:
    angle = np.linspace(np.pi, 2 * np.pi, 16)
    dome = np.stack((0.5 + 0.5 * np.cos(angle), 0.48 + 0.43 * np.sin(angle)),
                    axis=1)
    return [dome, _rect(0.46, 0.4, 0.54, 1)]


def _duck(generator: np.random.Generator) -> Polygons:
    neck = generator.uniform(0.55, 0.65)
    return [_oval(0.45, 0.72, 0.42, 0.26), _oval(neck + 0.08, 0.26, 0.17,
                                                 0.17),
            _rect(neck, 0.25, neck + 0.15, 0.65),
            np.array([(neck + 0.2, 0.2), (1, 0.28), (neck + 0.2, 0.36)])]


def _suitcase(generator: np.random.Generator) -> Polygons:
    top = generator.uniform(0.3, 0.4)
    return [_rect(0.1, top, 0.9, 0.94), _rect(0.35, 0.12, 0.41, top),
            _rect(0.59, 0.12, 0.65, top), _rect(0.35, 0.08, 0.65, 0.16),
            _oval(0.2, 0.95, 0.06, 0.05), _oval(0.8, 0.95, 0.06, 0.05)]


def _mushroom(generator: np.random.Generator) -> Polygons:
    stem = generator.uniform(0.1, 0.18)
    return [_oval(0.5, 0.36, 0.48, 0.3),
            np.array([(0.5 - stem, 0.4), (0.5 + stem, 0.4),
                      (0.55 + stem, 1), (0.45 - stem, 1)])]


def _pyramid(generator: np.random.Generator) -> Polygons:
    return [_rect(0.5 - half, top, 0.5 + half, top + 0.26)
            for half, top in ((0.14, 0.02), (0.26, 0.25), (0.38, 0.49),
                              (0.5, 0.74))]


def _teddy(generator: np.random.Generator) -> Polygons:
    ear = generator.uniform(0.08, 0.12)
    return [_oval(0.5, 0.68, 0.28, 0.28), _oval(0.5, 0.3, 0.22, 0.2),
            _oval(0.3, 0.14, ear, ear), _oval(0.7, 0.14, ear, ear),
            _oval(0.18, 0.58, 0.13, 0.1), _oval(0.82, 0.58, 0.13, 0.1),
            _oval(0.3, 0.92, 0.16, 0.09), _oval(0.7, 0.92, 0.16, 0.09)]


SHAPES: dict[str, dict[str, Callable[[np.random.Generator], Polygons]]] = {
    'train': {'crate': _crate, 'ball': _ball, 'cone': _cone,
              'barrel': _barrel, 'table': _table, 'animal': _animal,
              'star': _star, 'boulder': _boulder},
    'test': {'sofa': _sofa, 'umbrella': _umbrella, 'duck': _duck,
             'suitcase': _suitcase, 'mushroom': _mushroom,
             'pyramid': _pyramid, 'teddy': _teddy}
}
CATEGORIES = tuple(name for shapes in SHAPES.values() for name in shapes)


def draw_strange_object(
        split: str, size_px: int,
        generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, str]:
    """Draw one object before a blurred background.

    Args:
        split: 'train' or 'test'; the two share neither shape nor pattern.
        size_px: Side of the square picture.
        generator: Draws everything.

    Returns:
        ``(image, mask, category)``: (H, W, 3) uint8 BGR, (H, W) bool, a
        name of ``CATEGORIES``.
    """
    names = list(SHAPES[split])
    category = names[generator.integers(len(names))]
    polygons = SHAPES[split][category](generator)
    margin = 0.05 * size_px
    mask = np.zeros((size_px, size_px), np.uint8)
    surface = paint_pattern(split, size_px, generator)
    image = _paint_background(size_px, generator)
    for row, polygon in enumerate(polygons):
        part = np.zeros_like(mask)
        corners = np.round(margin + polygon * (size_px - 2 * margin))
        cv2.fillPoly(part, [corners.astype(np.int32)], 1)
        tone = generator.uniform(0.75, 1.1) if row else 1.0
        image[part > 0] = surface[part > 0] * tone
        mask |= part
    return np.clip(image, 0, 255).astype(np.uint8), mask > 0, category


def _paint_background(size_px: int,
                      generator: np.random.Generator) -> np.ndarray:
    noise = smooth_noise((size_px, size_px), size_px / 4, generator)
    return vivid_colors(1, generator) + 30 * noise[..., None]


def ellipse_polygon(center_xy: tuple[float, float],
                    axes_xy: tuple[float, float],
                    num_points: int = 20) -> np.ndarray:
    """Return (num_points, 2) corners of an axis-parallel ellipse."""
    angle = np.linspace(0, 2 * np.pi, num_points, endpoint=False)
    circle = np.stack((np.cos(angle), np.sin(angle)), axis=1)
    return np.asarray(center_xy) + circle * np.asarray(axes_xy)
