"""Surface patterns of the strange objects.

A pattern turns unit coordinates into a mixture in [0, 1] of two colours.
Letters: H rows, W columns of the object's picture.
"""
from collections.abc import Callable

import cv2
import numpy as np

Pattern = Callable[[np.ndarray, np.ndarray, float, np.random.Generator],
                   np.ndarray]


def smooth_noise(image_hw: tuple[int, int], cell_px: float,
                 generator: np.random.Generator) -> np.ndarray:
    """Return (H, W) float32 noise in [-1, 1], blobs of about ``cell_px``."""
    height, width = image_hw
    grid_hw = (int(height / cell_px) + 2, int(width / cell_px) + 2)
    grid = generator.uniform(-1, 1, grid_hw).astype(np.float32)
    return cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR)


# u to the right, v down, n periods, and a generator where chance decides.
PATTERNS: dict[str, dict[str, Pattern]] = {
    'train': {
        'stripes': lambda u, v, n, _: np.floor(u * n) % 2,
        'checks': lambda u, v, n, _: (np.floor(u * n) + np.floor(v * n)) % 2,
        'dots': lambda u, v, n, _: np.hypot(u * n % 1 - 0.5,
                                            v * n % 1 - 0.5) < 0.3,
        'ramp': lambda u, v, n, _: np.clip(u, 0, 1)
    },
    'test': {
        'zigzag': lambda u, v, n, _: np.floor(
            v * n + np.abs(u * n % 2 - 1)) % 2,
        'plaid': lambda u, v, n, _: ((u * n % 1 < 0.3)
                                     + (v * n % 1 < 0.3).astype(float)) / 2,
        'rings': lambda u, v, n, _: np.floor(
            np.hypot(u - 0.5, v - 0.5) * 2 * n) % 2,
        'marble': lambda u, v, n, generator: 0.5 + 0.5 * np.sin(
            2 * u * n + 5 * smooth_noise(u.shape, len(u) / 6, generator))
    }
}


def paint_pattern(split: str, size_px: int,
                  generator: np.random.Generator) -> np.ndarray:
    """Paint a square with a random pattern of the split.

    Args:
        split: 'train' or 'test'; the two share no pattern.
        size_px: Side of the square.
        generator: Draws pattern, angle, period, colours and grain.

    Returns:
        (H, W, 3) float32 BGR around [0, 255].
    """
    patterns = list(PATTERNS[split].values())
    pattern = patterns[generator.integers(len(patterns))]
    v, u = np.mgrid[0:size_px, 0:size_px] / size_px
    angle = generator.uniform(0, np.pi)
    turned_u = 0.5 + (u - 0.5) * np.cos(angle) + (v - 0.5) * np.sin(angle)
    turned_v = 0.5 - (u - 0.5) * np.sin(angle) + (v - 0.5) * np.cos(angle)
    mixture = pattern(turned_u, turned_v, generator.uniform(3, 8), generator)
    first, second = vivid_colors(2, generator)
    painted = first + mixture[..., None] * (second - first)
    light = 1.1 - 0.4 * u[..., None]  # from the left
    grain = 5 * generator.standard_normal((size_px, size_px, 1))
    return (painted * light + grain).astype(np.float32)


def vivid_colors(count: int, generator: np.random.Generator) -> np.ndarray:
    """Return (count, 3) BGR colours of any hue, mostly saturated."""
    hsv = np.stack((generator.uniform(0, 180, count),
                    generator.uniform(90, 255, count),
                    generator.uniform(70, 255, count)), axis=1)
    bgr = cv2.cvtColor(hsv[None].astype(np.uint8), cv2.COLOR_HSV2BGR)[0]
    return bgr.astype(np.float32)
