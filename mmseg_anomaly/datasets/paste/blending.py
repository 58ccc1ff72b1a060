"""Blend a pasted object into the image.

The functions take the image (H, W, 3) uint8, or its part under the object,
the background (h, w, 3) uint8; the object (h, w, 3) uint8; its pixels as a
mask (h, w) bool, not empty; and row and column of its corner in the image.
"""
import cv2
import numpy as np
from mmseg.registry import TASK_UTILS

from mmseg_anomaly.checks import check_choice, check_flags, check_number
from mmseg_anomaly.datasets.outliers.cutout import Cutout

from .match_scene import (
    add_noise_as_in,
    blur_as_in,
    extend_colors,
    match_lab,
)

_MODES = ('hard', 'feather', 'poisson')
_CLONE_MARGIN = 5  # seamlessClone erodes its mask by 3 pixels


@TASK_UTILS.register_module()
class OutlierBlending:
    """Blend an object into an image.

    Whatever the mode, the object's pixels are those with alpha >= 0.5
    (``Cutout.mask``): they are labelled and no others change, but for the
    shadow, whose pixels keep their label. ``hard`` replaces them. ``feather``
    mixes them with the scene inside the mask, see ``feather_weight``.
    ``poisson`` keeps the object's gradients and takes the colours at its
    border from the scene. Before that, the object's colours, sharpness and
    noise may follow those of its surroundings, the box around it enlarged by
    half its size on every side.

    .. code-block:: python

        blending=dict(
            type='OutlierBlending', mode='feather', color_match=0.5)

    Args:
        mode: 'hard', 'feather' or 'poisson'.
        feather_px: Width of the ramp of ``feather``.
        color_match: From 0, the object's own colours, to 1, mean and spread
            of the surroundings in LAB.
        match_blur: Whether an object sharper than its surroundings is
            blurred.
        match_noise: Whether it gets the noise that it has less of.
        shadow: Darkness of the shadow on the ground below, 0 (none) to 1;
            it falls on whatever is there, protected classes included.

    Raises:
        ValueError: If the mode is unknown or a number out of range.
    """

    def __init__(self,
                 mode: str = 'hard',
                 *,
                 feather_px: float = 3.0,
                 color_match: float = 0.0,
                 match_blur: bool = False,
                 match_noise: bool = False,
                 shadow: float = 0.0) -> None:
        check_choice('mode', mode, _MODES)
        check_number('feather_px', feather_px, above=0)
        check_number('color_match', color_match, low=0, high=1)
        check_number('shadow', shadow, low=0, high=1)
        check_flags(match_blur=match_blur, match_noise=match_noise)
        self.mode = mode
        self.feather_px = feather_px
        self.color_match = color_match
        self.match_blur = match_blur
        self.match_noise = match_noise
        self.shadow = shadow

    def draw(self, img: np.ndarray, cutout: Cutout, top: int, left: int,
             generator: np.random.Generator) -> None:
        """Draw an object into ``img``, in place.

        Args:
            img: (H, W, 3) uint8.
            cutout: In its final size, with a pixel of alpha >= 0.5.
            top: Row of its first row; it lies within the image.
            left: Column of its first column.
            generator: Decides the noise.
        """
        height, width = cutout.alpha.shape
        window = slice(top, top + height), slice(left, left + width)
        mask = cutout.mask()
        image = self._harmonized(img, cutout, window, generator)
        if self.shadow > 0:
            cast_shadow(img, mask, top, left, self.shadow)
        if self.mode == 'hard':
            img[window] = hard_blend(img[window], image, mask)
        elif self.mode == 'feather':
            img[window] = feather_blend(img[window], image, mask,
                                        self.feather_px)
        else:
            img[window] = poisson_blend(img, image, mask, top, left)

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(mode={self.mode!r}, '
                f'feather_px={self.feather_px}, '
                f'color_match={self.color_match}, '
                f'match_blur={self.match_blur}, '
                f'match_noise={self.match_noise}, shadow={self.shadow})')

    def _harmonized(self, img: np.ndarray, cutout: Cutout,
                    window: tuple[slice, slice],
                    generator: np.random.Generator) -> np.ndarray:
        """Return the object's (h, w, 3) colours as the scene has them."""
        image, mask = cutout.image, cutout.mask()
        surroundings = img[tuple(
            slice(max(0, part.start - len_ // 2), part.stop + len_ // 2)
            for part, len_ in zip(window, mask.shape, strict=True))]
        if self.color_match > 0:
            image = match_lab(image, mask, surroundings, self.color_match)
        if self.match_blur:
            image = blur_as_in(image, mask, surroundings)
        if self.match_noise:
            image = add_noise_as_in(image, mask, surroundings, generator)
        return image


def hard_blend(background: np.ndarray, image: np.ndarray,
               mask: np.ndarray) -> np.ndarray:
    """Return the background with the object's pixels replaced."""
    return np.where(mask[..., None], image, background)


def feather_weight(mask: np.ndarray, feather_px: float) -> np.ndarray:
    """Return the object's share in each pixel, (h, w) float32.

    Outside the mask it is 0. In the outermost pixels of the mask it is 1/2
    and rises linearly to 1, ``feather_px`` further inside. A pixel belongs
    to the object exactly where its share is at least one half.
    """
    padded = np.pad(mask.astype(np.uint8), 1)
    distance = cv2.distanceTransform(
        padded, cv2.DIST_L2, cv2.DIST_MASK_5)[1:-1, 1:-1]  # (h, w), 1 first
    weight = 0.5 + np.maximum(distance - 1, 0) / (2 * feather_px)
    return np.where(mask, np.minimum(weight, 1), 0).astype(np.float32)


def feather_blend(background: np.ndarray, image: np.ndarray,
                  mask: np.ndarray, feather_px: float) -> np.ndarray:
    """Return both mixed by ``feather_weight``, (h, w, 3) uint8."""
    weight = feather_weight(mask, feather_px)[..., None]
    mixed = background + weight * (image.astype(np.float32) - background)
    return hard_blend(background, np.rint(mixed).astype(np.uint8), mask)


def poisson_blend(img: np.ndarray, image: np.ndarray, mask: np.ndarray,
                  top: int, left: int) -> np.ndarray:
    """Return (h, w, 3) uint8, the background with the object cloned into it.

    OpenCV shrinks the mask it is given by three pixels; we grow it before
    and continue the object's border colours there, so that the object keeps
    its gradients up to its own border.

    Source: Perez et al., Poisson Image Editing (2003), as OpenCV's
        ``seamlessClone``.
    """
    height, width = mask.shape
    margin = _CLONE_MARGIN
    rows = np.arange(top - margin, top + height + margin)
    columns = np.arange(left - margin, left + width + margin)
    scene = img[rows.clip(0, len(img) - 1)[:, None],
                columns.clip(0, img.shape[1] - 1)]  # borders repeated
    padded = np.pad(mask, margin)
    source = extend_colors(
        np.pad(image, ((margin, margin), (margin, margin), (0, 0))), padded)
    grown = cv2.dilate(padded.astype(np.uint8) * 255,
                       np.ones((3, 3), np.uint8), iterations=3)
    box_x, box_y, box_w, box_h = cv2.boundingRect(grown)
    center_xy = (box_x + box_w // 2, box_y + box_h // 2)
    cloned = cv2.seamlessClone(source, scene, grown, center_xy,
                               cv2.NORMAL_CLONE)
    inner = slice(margin, margin + height), slice(margin, margin + width)
    return hard_blend(scene[inner], cloned[inner], mask)


def cast_shadow(img: np.ndarray, mask: np.ndarray, top: int, left: int,
                darkness: float) -> None:
    """Darken the ground around an object's base, in place.

    A soft ellipse as wide as the lower tenth of the object: the light is
    ``1 - darkness * exp(-2 r^2)`` where r is 1 on the ellipse.
    """
    rows = np.flatnonzero(mask.any(axis=1))
    low = mask[rows[-1] - (rows[-1] - rows[0]) // 10:rows[-1] + 1]
    columns = np.flatnonzero(low.any(axis=0))
    half_w = 0.6 * (columns[-1] - columns[0] + 1)
    half_h = max(1.0, 0.25 * half_w)
    y, x = top + rows[-1], left + (columns[0] + columns[-1]) / 2
    y_range = np.arange(max(0, int(y - 2 * half_h)),
                        min(len(img), int(y + 2 * half_h) + 1))
    x_range = np.arange(max(0, int(x - 2 * half_w)),
                        min(img.shape[1], int(x + 2 * half_w) + 1))
    squared = (((y_range - y) / half_h)**2)[:, None] + (
        (x_range - x) / half_w)**2
    light = 1 - darkness * np.exp(-2 * squared)[..., None]
    region = (slice(y_range[0], y_range[-1] + 1),
              slice(x_range[0], x_range[-1] + 1))
    img[region] = np.rint(img[region] * light).astype(np.uint8)
