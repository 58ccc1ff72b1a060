"""Pictures as users hand them in."""
import numpy as np


def three_channel_image(image: np.ndarray) -> np.ndarray:
    """Return a picture of three channels.

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
        raise ValueError('a picture must be (H, W), (H, W, 1), (H, W, 3) or '
                         f'(H, W, 4), got {image.shape}')
    if image.shape[2] == 1:
        return image.repeat(3, axis=2)
    return np.ascontiguousarray(image[..., :3])
