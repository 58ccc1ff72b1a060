"""Pictures on the local disk."""
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.visualization import LocalVisBackend as PlainBackend
from mmengine.visualization.vis_backend import force_init_env
from mmseg.registry import VISBACKENDS

from ..paths import write_picture


# In place of MMEngine's backend of this name, by which visualizers find it.
@VISBACKENDS.register_module()
class LocalVisBackend(PlainBackend):
    """MMEngine's backend, which notices pictures that cannot be written.

    Arguments and files are the same.
    """

    @force_init_env
    def add_image(self, name: str, image: np.ndarray, step: int = 0,
                  **kwargs: Any) -> None:
        """Write a picture.

        Args:
            name: First part of the file name.
            image: (H, W, 3) uint8 RGB.
            step: Last part of the file name.
            kwargs: Not used, as in MMEngine.

        Raises:
            UnwrittenPictureError: If the file cannot be written.
        """
        write_picture(Path(self._img_save_dir, f'{name}_{step}.png'),
                      cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
