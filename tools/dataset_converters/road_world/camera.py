"""A pinhole camera over flat ground.

World coordinates in metres: x to the right, y up from the ground, z ahead.
Shape letters: N points.
"""
from dataclasses import dataclass

import numpy as np

NEAREST_M = 0.8  # points nearer than this are moved to it


@dataclass(frozen=True)
class Camera:
    """Where the world lands in the picture.

    Args:
        focal_px: Pixels one metre takes at one metre distance.
        vanish_x: Column in which parallel lines ahead meet.
        horizon_y: Row in which they meet.
        height_m: Height of the camera over the ground.
    """

    focal_px: float
    vanish_x: float
    horizon_y: float
    height_m: float

    def project(self, points: np.ndarray) -> np.ndarray:
        """Project (N, 3) world points to (N, 2) pixels (x, y), float."""
        points = np.asarray(points, np.float64)
        scale = self.focal_px / np.maximum(points[:, 2], NEAREST_M)
        x = self.vanish_x + scale * points[:, 0]
        y = self.horizon_y + scale * (self.height_m - points[:, 1])
        return np.stack((x, y), axis=1)

    def depth_of_row(self, row: float) -> float:
        """Return the distance at which the ground crosses a pixel row."""
        return self.focal_px * self.height_m / (row - self.horizon_y)

    def resized(self, factor: float) -> 'Camera':
        """Return the camera of the same picture at another resolution."""
        return Camera(self.focal_px * factor, self.vanish_x * factor,
                      self.horizon_y * factor, self.height_m)


def sample_camera(image_hw: tuple[int, int],
                generator: np.random.Generator) -> Camera:
    """Sample a camera such as a car carries, for a picture of (H, W)."""
    height, width = image_hw
    return Camera(
        focal_px=width * generator.uniform(0.65, 0.85),
        vanish_x=width * generator.uniform(0.38, 0.62),
        horizon_y=height * generator.uniform(0.36, 0.48),
        height_m=generator.uniform(1.3, 1.7))
