"""How large things are on flat ground seen by a level camera.

A thing of fixed height that stands on row y has pixels in proportion to
y - horizon. Shape letters: H rows, W columns of the image.
"""
import numpy as np

_MIN_ROAD_SHARE = 0.01  # of the width; less is a far car's shadow or noise


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
        row: Of its foot.
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
