"""Where a pasted object goes.

Shape letters: H, W of the image, h, w of the object.
"""
import numpy as np


def uniform_placement(image_hw: tuple[int, int], object_hw: tuple[int, int],
                      generator: np.random.Generator) -> tuple[int, int]:
    """Draw a place, every one at which the object fits equally likely.

    Args:
        image_hw: (H, W).
        object_hw: (h, w), at most the image's.
        generator: Drawn from twice.

    Returns:
        ``(top, left)`` with top <= H - h and left <= W - w.
    """
    top, left = (
        int(generator.integers(image_side - object_side + 1))
        for image_side, object_side in zip(image_hw, object_hw, strict=True))
    return top, left
