"""Let MMSeg's visualizer draw on grey pictures and on those with alpha."""
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from mmseg.visualization import SegLocalVisualizer

from ..pictures import three_channel_image


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
