"""One cut-out object; cropping and resizing it.

Shape letters: h rows and w columns of the object.
"""
import hashlib
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

OPAQUE = 255


@dataclass(frozen=True)
class Cutout:
    """One object, cropped to its mask.

    Args:
        image: (h, w, 3) uint8, BGR as MMSeg loads images. Arbitrary where
            alpha is 0.
        alpha: (h, w) uint8, 0 (not the object) to 255 (the object alone).
        category: What it is, in the words of its source.
        origin: Where it comes from, JSON-ready, for manifests.
    """

    image: np.ndarray
    alpha: np.ndarray
    category: str
    origin: dict[str, int | str] = field(default_factory=dict)

    def mask(self) -> np.ndarray:
        """Return the (h, w) bool pixels of the object: alpha >= 0.5."""
        return self.alpha > OPAQUE // 2

    def content_hash(self) -> str:
        """Return 32 hex digits that follow from size, alpha and colours.

        Colours where alpha is 0 do not count.
        """
        visible = np.where(self.alpha[..., None] > 0, self.image, np.uint8(0))
        digest = hashlib.sha256(np.array(self.alpha.shape, '<i8').tobytes())
        digest.update(self.alpha.tobytes())
        digest.update(visible.tobytes())
        return digest.hexdigest()[:32]


def crop_to_alpha(cutout: Cutout) -> Cutout:
    """Return the cut-out without rows and columns of alpha 0 around it.

    Raises:
        ValueError: If alpha is 0 everywhere.
    """
    rows = np.flatnonzero(cutout.alpha.any(axis=1))
    columns = np.flatnonzero(cutout.alpha.any(axis=0))
    if len(rows) == 0:
        raise ValueError('`cutout` is empty: its alpha is 0 everywhere')
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    return replace(cutout, image=cutout.image[box], alpha=cutout.alpha[box])


def fit_longer_side(size_hw: tuple[int, int],
                    longer_side_px: int) -> tuple[int, int]:
    """Return ``size_hw`` scaled to a longer side, no side below one pixel."""
    factor = longer_side_px / max(size_hw)
    height, width = (max(1, round(side * factor)) for side in size_hw)
    return height, width


def resize_cutout(cutout: Cutout, size_hw: tuple[int, int]) -> Cutout:
    """Return the cut-out in another size.

    Shrinking averages over areas, enlarging is bilinear. Colours are weighted
    by alpha, so that no pixel of the scene the object comes from leaks into
    its border.

    Args:
        cutout: The object in its own size.
        size_hw: Rows and columns wanted, at least one each.

    Returns:
        A cut-out of that size with a soft alpha; its ``mask()`` may be empty
        when a thin object shrinks below half a pixel.
    """
    if cutout.alpha.shape == tuple(size_hw):
        return cutout
    shrinks = max(size_hw) < max(cutout.alpha.shape)
    weight = cutout.alpha.astype(np.float32)[..., None]
    weighted = np.concatenate((cutout.image * weight, weight), axis=2)
    weighted = cv2.resize(
        weighted,
        size_hw[::-1],  # OpenCV wants (w, h)
        interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    alpha = weighted[..., 3:]  # (h, w, 1)
    image = weighted[..., :3] / np.maximum(alpha, 1.0)
    return replace(
        cutout,
        image=image.round().astype(np.uint8),
        alpha=alpha[..., 0].round().astype(np.uint8))
