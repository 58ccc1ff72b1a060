"""Place objects on the road, in the size that perspective asks for.

A thing of fixed height that stands on row y of flat ground, seen by a level
camera, has pixels in proportion to y - horizon. Shape letters: H, W of the
image, h, w of the object.
"""
from collections.abc import Sequence

import cv2
import numpy as np
from mmseg.registry import TASK_UTILS

from mmseg_anomaly.checks import check_flags, check_integer, check_number
from mmseg_anomaly.datasets.outliers.cutout import Cutout

from .placement import (
    Placed,
    class_table,
    covers,
    scale_cutout,
)

_BASE_SHARE = 0.05  # of an object's height is its base, at least one row
_MIN_ROAD_SHARE = 0.01  # of the width; less is a far car's shadow or noise


class RoadScene:
    """What ``RoadPlacement`` knows of an image.

    Args:
        seg_label: (H, W) uint8, before anything was pasted.
        table: (256,) uint8, 1 for ids to stand on.
        horizon: Row at which things vanish; None without perspective.
    """

    def __init__(self, seg_label: np.ndarray, table: np.ndarray,
                 horizon: float | None) -> None:
        self.seg_label = seg_label
        self.horizon = horizon
        self.road = cv2.LUT(seg_label, table)  # (H, W) uint8, 1 on the road
        self.row_pixels = cv2.reduce(
            self.road, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[:, 0]  # (H,)
        self.num_road = int(self.row_pixels.sum())
        self.num_covered = 0
        self.bare_road = self.road.copy()  # (H, W), what no object covers

    @property
    def has_place(self) -> bool:
        """Whether there is anything to stand on."""
        return self.num_road > 0

    def cover(self, placed: Placed) -> None:
        """Note what an object covers."""
        bare = self.bare_road[placed.window()]
        mask = placed.cutout.mask()
        self.num_covered += int(np.count_nonzero(bare[mask]))
        bare[mask] = 0

    def cover_with(self, placed: Placed) -> float:
        """Return the share of the road that is covered with one more."""
        bare = self.bare_road[placed.window()]
        more = int(np.count_nonzero(bare[placed.cutout.mask()]))
        return (self.num_covered + more) / self.num_road


@TASK_UTILS.register_module()
class RoadPlacement:
    """On the road: the foot of an object stands on given classes.

    Every road pixel is equally likely to carry the foot, the middle of the
    object's base, its lowest twentieth. With ``perspective`` the size follows
    the row of the foot, see ``size_at_row``: ``scale`` is then
    the size the object would have at the lower border of the image.

    .. code-block:: python

        placement=dict(
            type='RoadPlacement',
            road_classes=[0, 1],  # Cityscapes: road, sidewalk
            protected_classes=[11, 12, 13, 14, 15, 16, 17, 18],
            perspective=True)

    Args:
        road_classes: Id or ids to stand on.
        protected_classes: Id or ids of which no object ever covers a pixel.
        min_base_cover: Share of the base that must be on the road.
        max_road_cover: Share of the image's road that all its objects may
            cover together.
        perspective: Whether the size follows the row.
        horizon: Its row as a share of the image's height; estimated from
            the labels unless given.
        min_size_px: Longer side below which perspective places nothing.
        max_tries: Places tried for an object before it is given up.

    Raises:
        ValueError: If there is no road class or a number is out of range.
    """

    def __init__(self,
                 road_classes: int | Sequence[int],
                 protected_classes: int | Sequence[int] = (),
                 *,
                 min_base_cover: float = 0.8,
                 max_road_cover: float = 0.5,
                 perspective: bool = False,
                 horizon: float | None = None,
                 min_size_px: int = 12,
                 max_tries: int = 20) -> None:
        check_integer('max_tries', max_tries, low=1)
        check_integer('min_size_px', min_size_px, low=1)
        check_number('min_base_cover', min_base_cover, low=0, high=1)
        check_number('max_road_cover', max_road_cover, low=0, high=1)
        check_number('horizon', horizon, low=0, high=1, optional=True)
        check_flags(perspective=perspective)
        self.road = class_table(road_classes, 'road_classes')
        if not self.road.any():
            raise ValueError('`road_classes` must name an id to stand on')
        if horizon is not None and not perspective:
            raise ValueError('`horizon` has no effect without '
                             '`perspective=True`')
        self.protected = class_table(protected_classes)
        self.min_base_cover = min_base_cover
        self.max_road_cover = max_road_cover
        self.perspective = perspective
        self.horizon = horizon
        self.min_size_px = min_size_px
        self.max_tries = max_tries

    def scene(self, seg_label: np.ndarray) -> RoadScene:
        """Find the road, and the horizon if there is perspective.

        Raises:
            ValueError: If the labels are not (H, W) uint8.
        """
        if seg_label.dtype != np.uint8:
            raise ValueError('RoadPlacement needs labels of uint8, got '
                             f'{seg_label.dtype}')
        scene = RoadScene(seg_label, self.road, None)
        if self.perspective and self.horizon is not None:
            scene.horizon = self.horizon * (len(seg_label) - 1)
        elif self.perspective:
            scene.horizon = estimate_horizon(
                scene.row_pixels, seg_label.shape[1])
        return scene

    def place(self, cutout: Cutout, scale: float, scene: RoadScene,
              generator: np.random.Generator) -> Placed | None:
        """Choose place and size of an object; see ``Placement``.

        With perspective, ``scale`` is that of the last row. ``scene`` notes
        the road that the object covers.
        """
        largest_px = scale * min(scene.seg_label.shape)
        row_pixels = scene.row_pixels
        if self.perspective:
            first_row = first_row_of_size(
                self.min_size_px, largest_px, scene.horizon, len(row_pixels))
            row_pixels = row_pixels.copy()
            row_pixels[:first_row] = 0
        sums = np.cumsum(row_pixels)  # (H,)
        if sums[-1] == 0:
            return None
        for _ in range(self.max_tries):
            foot = _sample_pixel(scene.road, sums, generator)
            size_px = largest_px if scene.horizon is None else size_at_row(
                foot[0], largest_px, scene.horizon, len(row_pixels))
            placed = _stand_on(foot, scale_cutout(cutout, size_px))
            if placed is not None and self._allows(placed, scene):
                scene.cover(placed)
                return placed
        return None

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(road_classes='
                f'{np.flatnonzero(self.road).tolist()}, protected_classes='
                f'{np.flatnonzero(self.protected).tolist()}, '
                f'min_base_cover={self.min_base_cover}, '
                f'max_road_cover={self.max_road_cover}, '
                f'perspective={self.perspective}, horizon={self.horizon}, '
                f'min_size_px={self.min_size_px}, '
                f'max_tries={self.max_tries})')

    def _allows(self, placed: Placed, scene: RoadScene) -> bool:
        mask, window = placed.cutout.mask(), placed.window()
        height, width = scene.seg_label.shape
        if (min(placed.top, placed.left) < 0 or window[0].stop > height
                or window[1].stop > width):
            return False
        base = base_of(mask)
        on_road = np.count_nonzero(scene.road[window][base])
        return (on_road >= self.min_base_cover * np.count_nonzero(base)
                and not covers(scene.seg_label[window], mask, self.protected)
                and scene.cover_with(placed) <= self.max_road_cover)


def base_of(mask: np.ndarray) -> np.ndarray:
    """Return the (h, w) bool part of a mask in its lowest twentieth."""
    rows = np.flatnonzero(mask.any(axis=1))
    height = rows[-1] + 1 - rows[0]
    base = np.zeros_like(mask)
    base_rows = slice(rows[-1] + 1 - max(1, round(_BASE_SHARE * height)),
                      rows[-1] + 1)
    base[base_rows] = mask[base_rows]
    return base


def _sample_pixel(road: np.ndarray, sums: np.ndarray,
                generator: np.random.Generator) -> tuple[int, int]:
    """Sample a road pixel of the rows that ``sums`` (H,) adds up."""
    number = int(generator.integers(sums[-1]))
    row = int(np.searchsorted(sums, number, side='right'))
    columns = np.flatnonzero(road[row])
    return row, int(columns[generator.integers(len(columns))])


def _stand_on(foot: tuple[int, int], cutout: Cutout) -> Placed | None:
    mask = cutout.mask()
    if not mask.any():
        return None
    rows, columns = np.nonzero(base_of(mask))
    return Placed(cutout, int(foot[0] - rows.max()),
                  int(foot[1] - round(float(columns.mean()))))


def estimate_horizon(row_pixels: np.ndarray, width: int) -> float:
    """Return the highest row in which the road is 1 % of the image wide.

    A flat road narrows towards the horizon and is last seen just below it,
    so the estimate is a little low, lower where a hill or a car hides the
    road's end; things then come out smaller, never larger, than they should.

    Args:
        row_pixels: (H,) road pixels in each row.
        width: W.

    Returns:
        A row; H if there is no road.
    """
    rows = np.flatnonzero(row_pixels >= max(1, _MIN_ROAD_SHARE * width))
    return float(rows[0]) if len(rows) else float(len(row_pixels))


def size_at_row(row: float, largest_px: float, horizon: float,
                height: int) -> float:
    """Return the size of a thing that stands on a row.

    It is ``largest_px * (row - horizon) / (height - 1 - horizon)``:
    ``largest_px`` in the last row, 0 at the horizon and above.

    Args:
        row: Row of its foot.
        largest_px: Its size in the last row.
        horizon: Row at which things vanish.
        height: H.
    """
    below = height - 1 - horizon
    return largest_px * max(0.0, row - horizon) / below if below > 0 else 0.0


def first_row_of_size(size_px: float, largest_px: float, horizon: float,
                      height: int) -> int:
    """Return the first row on which a thing is ``size_px`` large.

    Args:
        size_px: Wanted.
        largest_px: Its size in the last row.
        horizon: Row at which things vanish.
        height: H.

    Returns:
        A row; H if the thing is smaller on every row.
    """
    below = height - 1 - horizon
    if below <= 0 or size_px > largest_px:
        return height
    return int(np.ceil(horizon + size_px * below / largest_px))
