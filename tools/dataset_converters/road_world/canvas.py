"""Paint image and label together, so that they cannot disagree.

Colours are (3,) BGR in [0, 255]. Shape letters: H rows, W columns, M
polygons, N points.
"""
import cv2
import numpy as np

from mmseg_anomaly.datasets.synthetic_roads.patterns import smooth_noise
from mmseg_anomaly.datasets.synthetic_roads.strange_objects import (
    ellipse_polygon,
)


class Canvas:
    """A picture and its label map under one brush.

    Args:
        image_hw: Size (H, W).
        generator: Source of the grain of all surfaces.
    """

    def __init__(self, image_hw: tuple[int, int],
                 generator: np.random.Generator) -> None:
        self.image_hw = image_hw
        self.image = np.zeros((*image_hw, 3), np.float32)  # (H, W, 3)
        self.label = np.zeros(image_hw, np.uint8)  # (H, W)
        fine = generator.standard_normal(image_hw, np.float32) * 0.5
        self.noise = {
            'fine': fine,
            'leaf': smooth_noise(image_hw, 3, generator) + 0.5 * fine,
            'coarse': (smooth_noise(image_hw, 24, generator)
                       + 0.3 * smooth_noise(image_hw, 5, generator)
                       + 0.3 * fine)
        }

    def fill(self,
             polygon_xy: np.ndarray,
             color: np.ndarray,
             class_id: int | None = None,
             *,
             grain: str = 'fine',
             contrast: float = 6.0) -> None:
        """Fill a polygon, or several apart, with a grainy colour.

        Args:
            polygon_xy: (N, 2) or (M, N, 2) corners in pixels, which may lie
                outside the picture.
            color: (3,) BGR.
            class_id: Label of the filled pixels; None keeps the label below.
            grain: Which noise roughens the colour.
            contrast: Grey levels of the noise.
        """
        region = self._region(polygon_xy)
        if region is None:
            return
        box, mask = region
        noise = self.noise[grain][box][mask]
        self.image[box][mask] = (np.asarray(color, np.float32)
                                 + contrast * noise[:, None])
        if class_id is not None:
            self.label[box][mask] = class_id

    def ellipse(self,
                center_xy: tuple[float, float],
                axes_xy: tuple[float, float],
                color: np.ndarray,
                class_id: int | None = None,
                *,
                grain: str = 'fine',
                contrast: float = 6.0) -> None:
        """Fill an axis-parallel ellipse; arguments as for ``fill``."""
        self.fill(
            ellipse_polygon(center_xy, axes_xy),
            color,
            class_id,
            grain=grain,
            contrast=contrast)

    def shade(self, polygon_xy: np.ndarray, factor: float) -> None:
        """Multiply the brightness inside a polygon; labels stay."""
        region = self._region(polygon_xy)
        if region is not None:
            box, mask = region
            self.image[box][mask] *= factor

    def _region(
        self, polygon_xy: np.ndarray
    ) -> tuple[tuple[slice, slice], np.ndarray] | None:
        """Return the bounding box in the picture and the mask inside it."""
        corners = np.round(np.clip(polygon_xy, -1e4, 1e4)).astype(np.int32)
        corners = corners.reshape(-1, *corners.shape[-2:])  # (M, N, 2)
        left, top = np.maximum(corners.min(axis=(0, 1)), 0)
        right, bottom = np.minimum(
            corners.max(axis=(0, 1)) + 1, self.image_hw[::-1])
        if left >= right or top >= bottom:
            return None
        mask = np.zeros((bottom - top, right - left), np.uint8)
        cv2.fillPoly(mask, list(corners - (left, top)), 1)
        return (slice(top, bottom), slice(left, right)), mask.astype(bool)
