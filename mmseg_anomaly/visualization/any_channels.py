"""Let MMSeg's visualizer draw on grey pictures and on those with alpha."""
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from mmseg.visualization import SegLocalVisualizer


def three_channel_image(image: np.ndarray) -> np.ndarray:
    """Return a picture to draw on.

    Args:
        image: (H, W), (H, W, 1), (H, W, 3) or (H, W, 4).

    Returns:
        (H, W, 3) of the same dtype: grey repeated, without alpha.

    Raises:
        ValueError: If it has another shape.
    """
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or image.shape[2] not in (1, 3, 4):
        raise ValueError('a picture to draw on must be (H, W), (H, W, 1), '
                         f'(H, W, 3) or (H, W, 4), got {image.shape}')
    if image.shape[2] == 1:
        return image.repeat(3, axis=2)
    return np.ascontiguousarray(image[..., :3])


def _on_three_channels(draw: Callable[..., None]) -> Callable[..., None]:

    @functools.wraps(draw)
    def add_datasample(self: SegLocalVisualizer, name: str,
                       image: np.ndarray, *args: Any, **kwargs: Any) -> None:
        draw(self, name, three_channel_image(image), *args, **kwargs)

    return add_datasample


# `show_result_pyplot` names this class itself, whatever a config says, and
# hands it the picture as it came: anything but (H, W, 3) would fail there.
SegLocalVisualizer.add_datasample = _on_three_channels(
    SegLocalVisualizer.add_datasample)
