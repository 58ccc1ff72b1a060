"""How a pasted object meets the image.

Shape letters: h, w of the object.
"""
import numpy as np


def hard_blend(background: np.ndarray, image: np.ndarray,
               mask: np.ndarray) -> np.ndarray:
    """Return the background with the object's pixels replaced.

    Args:
        background: (h, w, 3) uint8, the part of the scene under the object.
        image: (h, w, 3) uint8, the object.
        mask: (h, w) bool, the object's pixels.

    Returns:
        (h, w, 3) uint8, equal to ``image`` inside the mask and to
        ``background`` outside.
    """
    return np.where(mask[..., None], image, background)
