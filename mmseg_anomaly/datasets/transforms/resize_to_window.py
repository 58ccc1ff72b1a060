"""Resize a test image until it covers the model's window.

Shape letters: H, W rows and columns before, h, w after the resize.
"""
import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS
from PIL import Image

from ...checks import check_size


def fit_short_side(image_hw: tuple[int, int],
                   window_hw: tuple[int, int]) -> tuple[int, int]:
    """Scale a size until it just covers the window.

    The larger of the two side ratios scales both sides, so one side equals
    the window's and the other is at least as long. Python's ``round`` (half
    to even) is part of the rule.

    Args:
        image_hw: Size (H, W) of the image.
        window_hw: Size (h, w) of the window.

    Returns:
        Size (h, w), each at least the window's.

    Source: tue-mps/eomt@7bd19dd, ``window_imgs_semantic`` (MIT); there the
        window is square.
    """
    scale = max(window_hw[0] / image_hw[0], window_hw[1] / image_hw[1])
    return round(image_hw[0] * scale), round(image_hw[1] * scale)


@TRANSFORMS.register_module()
class ResizeToWindow(BaseTransform):
    """Resize a test image until it just covers the model's window.

    Only the image changes: put it before the annotations are loaded, since
    predictions are compared in the original resolution. Pillow's bilinear
    filter widens when it shrinks (antialiasing); without that, pixels
    differ by up to 40 grey levels from what the model was made for.

    Required Keys: img, (H, W, 3) uint8.

    Modified Keys: img, img_shape. Added Keys: scale, scale_factor (both
    (w, h), as MMSeg has them), keep_ratio.

    Args:
        window_size: Size (h, w) of the window, the ``crop_size`` of the
            test configuration.

    Raises:
        ValueError: If ``window_size`` is not two positive integers.
        TypeError: If the image is not uint8.
        ValueError: If it has other channels, or no pixel.

    Example:
        >>> test_pipeline = [
        ...     dict(type='LoadImageFromFile'),
        ...     dict(type='ResizeToWindow', window_size=(640, 640)),
        ... ]
    """

    def __init__(self, window_size: tuple[int, int]) -> None:
        check_size('window_size', window_size, layout='(h, w)')
        self.window_size = tuple(window_size)

    def transform(self, results: dict) -> dict:
        """Resize ``results['img']`` and record how."""
        img = results['img']
        if img.dtype != np.uint8:
            raise TypeError(
                'ResizeToWindow needs a uint8 image as Pillow resizes it, '
                f'got {img.dtype}; load with `to_float32=False`, or give an '
                'array of uint8 from 0 to 255')
        if img.ndim != 3 or img.shape[2] != 3 or not img.size:
            raise ValueError('ResizeToWindow needs an image of three channels '
                             f'and at least one pixel, got the shape '
                             f'{img.shape}; give a grey, BGR or BGRA image')
        image_hw = img.shape[:2]
        new_hw = fit_short_side(image_hw, self.window_size)
        results['img'] = _resize_antialiased(img, new_hw)
        results['img_shape'] = new_hw
        results['scale'] = new_hw[::-1]
        results['scale_factor'] = (new_hw[1] / image_hw[1],
                                   new_hw[0] / image_hw[0])
        results['keep_ratio'] = True
        return results

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}(window_size={self.window_size})'


def _resize_antialiased(img: np.ndarray,
                        new_hw: tuple[int, int]) -> np.ndarray:
    if img.shape[:2] == new_hw:
        return img
    resized = Image.fromarray(img).resize(new_hw[::-1],
                                          Image.Resampling.BILINEAR)
    return np.asarray(resized).copy()  # (h, w, 3)
