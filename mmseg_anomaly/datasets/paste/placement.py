"""Choose where a pasted object goes, and its size.

Shape letters: H, W of the image, h, w of the object.
"""
from collections.abc import Collection, Sequence
from numbers import Integral
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from mmseg.registry import TASK_UTILS

from mmseg_anomaly.checks import check_integer
from mmseg_anomaly.datasets.outliers.cutout import (
    Cutout,
    fit_longer_side,
    resize_cutout,
)


class Placed(NamedTuple):
    """A cut-out in its final size, and where it goes."""

    cutout: Cutout
    top: int
    left: int

    def window(self) -> tuple[slice, slice]:
        """Return the rows and columns of the image that it takes."""
        height, width = self.cutout.alpha.shape
        return (slice(self.top, self.top + height),
                slice(self.left, self.left + width))


@runtime_checkable
class Placement(Protocol):
    """Chooses size and place of objects; a custom one has these methods."""

    def scene(self, seg_label: np.ndarray) -> Any:
        """Look at an image before anything is pasted.

        Args:
            seg_label: (H, W) uint8.

        Returns:
            What ``place`` needs to know of it, with a bool ``has_place``:
            whether any object may go there.
        """

    def place(self, cutout: Cutout, scale: float, scene: Any,
              generator: np.random.Generator) -> Placed | None:
        """Choose size and place of an object.

        Args:
            cutout: In its own size.
            scale: Longer side by the image's shorter side.
            scene: This image, as ``scene`` returned it; may note what the
                object covers.
            generator: Decides.

        Returns:
            The object where it may go; None if it has no visible pixel at
            its size or no place was found.
        """


class UniformScene(NamedTuple):
    """What ``UniformPlacement`` knows of an image."""

    seg_label: np.ndarray  # (H, W), before anything was pasted
    has_place: bool = True


def uniform_placement(image_hw: tuple[int, int], object_hw: tuple[int, int],
                      generator: np.random.Generator) -> tuple[int, int]:
    """Sample a place, every one at which the object fits equally likely.

    Args:
        image_hw: (H, W).
        object_hw: (h, w), at most the image's.
        generator: Used twice.

    Returns:
        ``(top, left)`` with top <= H - h and left <= W - w.
    """
    top, left = (
        int(generator.integers(image_side - object_side + 1))
        for image_side, object_side in zip(image_hw, object_hw, strict=True))
    return top, left


@TASK_UTILS.register_module()
class UniformPlacement:
    """Anywhere in the image, every place equally likely.

    .. code-block:: python

        placement=dict(type='UniformPlacement', protected_classes=[11, 12])

    Args:
        protected_classes: Id or ids of which no object ever covers a pixel.
        max_tries: Places tried for an object before it is given up.

    Raises:
        ValueError: If ``max_tries`` is not positive or an id is none of a
            uint8 label map.
    """

    def __init__(self,
                 protected_classes: int | Sequence[int] = (),
                 max_tries: int = 10) -> None:
        check_integer('max_tries', max_tries, low=1)
        self.protected = class_table(protected_classes)
        self.max_tries = max_tries

    def scene(self, seg_label: np.ndarray) -> UniformScene:
        """Return the labels before anything is pasted."""
        return UniformScene(seg_label)

    def place(self, cutout: Cutout, scale: float, scene: UniformScene,
              generator: np.random.Generator) -> Placed | None:
        """Choose size and place of an object; see ``Placement``."""
        image_hw = scene.seg_label.shape
        cutout = scale_cutout(cutout, scale * min(image_hw))
        mask = cutout.mask()
        if not mask.any():
            return None
        for _ in range(self.max_tries):
            placed = Placed(
                cutout, *uniform_placement(image_hw, mask.shape, generator))
            if not covers(scene.seg_label[placed.window()], mask,
                          self.protected):
                return placed
        return None

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(protected_classes='
                f'{np.flatnonzero(self.protected).tolist()}, '
                f'max_tries={self.max_tries})')


def scale_cutout(cutout: Cutout, longer_side_px: float) -> Cutout:
    """Return the cut-out with that longer side, at least one pixel."""
    longer_side_px = max(1, round(longer_side_px))
    return resize_cutout(
        cutout, fit_longer_side(cutout.alpha.shape, longer_side_px))


def class_table(class_ids: int | Sequence[int],
                argument: str = 'protected_classes') -> np.ndarray:
    """Return (256,) uint8, 1 for the ids.

    Args:
        class_ids: One or several, as a command line gives either.
        argument: What the user calls them, for messages.

    Raises:
        ValueError: If an id is none of a uint8 label map.
    """
    ids = [class_ids] if isinstance(class_ids, Integral) else class_ids
    if not isinstance(ids, Collection) or any(
            isinstance(class_id, bool) or not isinstance(class_id, Integral)
            or not 0 <= class_id <= 255 for class_id in ids):
        raise ValueError(f'`{argument}` must be class ids between 0 and 255, '
                         f'got {class_ids!r}')
    table = np.zeros(256, np.uint8)
    table[list(ids)] = 1
    return table


def covers(seg_label: np.ndarray, mask: np.ndarray,
           table: np.ndarray) -> bool:
    """Tell whether a mask (h, w) lies on any pixel of the table's ids."""
    return bool(table.any() and table[seg_label[mask]].any())
