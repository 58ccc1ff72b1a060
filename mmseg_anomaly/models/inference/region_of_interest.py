"""The road and what stands on it: where anomalies matter.

Shape letters: H, W the original image.
"""
from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from ...labels import OUTSIDE_SCORE


def enclosed_region(mask: Tensor) -> Tensor:
    """Return the convex hull of a mask: it, and all that lies within it.

    A hull fills holes, and keeps an object that stands before the horizon or
    at the border of the image, which no road surrounds. Where a model takes
    an object's surroundings for another class as well, it is what keeps most
    of the anomalies (``docs/results.md``); a wrong pixel far off makes it
    larger, never smaller.

    Args:
        mask: (H, W) bool.

    Returns:
        (H, W) bool, True where ``mask`` is; all False without any. Borders
        are exact to a pixel.
    """
    pixels = mask.cpu().numpy().astype(np.uint8)
    points = cv2.findNonZero(pixels)
    if points is not None:
        cv2.fillConvexPoly(pixels, cv2.convexHull(points), 1)
    return torch.from_numpy(pixels).to(mask.device).bool()


class RegionOfInterest:
    """Lowers scores outside the predicted region of one class.

    Args:
        roi: Name of the class, or its index; None for the whole image.
        num_classes: Classes of the model.

    Raises:
        TypeError: If ``roi`` is neither.
        ValueError: If there is no class of that index.
    """

    def __init__(self, roi: str | int | None, num_classes: int) -> None:
        if isinstance(roi, bool) or not isinstance(roi, str | int | None):
            raise TypeError('`test_cfg.roi` must be the name of a class, its '
                            f'index or None, got {roi!r}')
        if isinstance(roi, int) and not 0 <= roi < num_classes:
            raise ValueError('`test_cfg.roi` must be the name of a class or '
                             f'its index below {num_classes}, got {roi}')
        self._roi = roi
        self._num_classes = num_classes

    @property
    def protocol(self) -> str:
        """What to add to the protocol that reports print."""
        return '' if self._roi is None else (
            f', scores within the hull of {self._roi!r} only')

    def index_in(self, names: Sequence[str]) -> int | None:
        """Return the index of the class, None for the whole image.

        Args:
            names: Of the model's classes.

        Raises:
            ValueError: If none is called so, or there are too few or too
                many of them.
        """
        if not isinstance(self._roi, str):
            return self._roi
        if self._roi not in names or len(names) != self._num_classes:
            raise ValueError(
                f'`test_cfg.roi` must be one of the {self._num_classes} '
                f'classes of the model, or its index, got {self._roi!r}; '
                f'the {len(names)} names known are {list(names)}')
        return list(names).index(self._roi)

    def restrict(self, maps: dict[str, Tensor], pred_sem_seg: Tensor,
                 names: Sequence[str]) -> dict[str, Tensor]:
        """Lower the scores outside.

        Args:
            maps: Name -> (1, 1, H, W) float32.
            pred_sem_seg: (1, H, W), predicted classes.
            names: As in :meth:`index_in`.

        Returns:
            Name -> map, ``OUTSIDE_SCORE`` outside the region.

        Raises:
            ValueError: As :meth:`index_in` does.
        """
        index = self.index_in(names)
        if index is None:
            return maps
        outside = ~enclosed_region(pred_sem_seg[0] == index)
        return {name: torch.where(outside, OUTSIDE_SCORE, scores)
                for name, scores in maps.items()}
