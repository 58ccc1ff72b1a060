"""Pictures as arrays: labels, heat maps, titles, legends.

Pictures are (H, W, 3) uint8 RGB. Nothing here changes its arguments.
"""
from collections.abc import Sequence

import cv2
import numpy as np

from ..class_names import Color
from ..labels import (
    IGNORE_INDEX,
    KNOWN_INDEX,
    OUTLIER_INDEX,
    OUTSIDE_SCORE,
)

ANOMALY_COLOR: Color = (255, 0, 0)
VOID_COLOR: Color = (70, 70, 70)
KNOWN_COLOR: Color = (255, 255, 255)
_INK: Color = (255, 255, 255)
_PAPER: Color = (24, 24, 24)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FONT_SCALE = 0.45
_LINE_PX = 20
_BAR_PX = 16
_BAR_LABEL_PX = 64

COLORMAPS = {
    'viridis': cv2.COLORMAP_VIRIDIS,
    'inferno': cv2.COLORMAP_INFERNO,
    'magma': cv2.COLORMAP_MAGMA,
    'turbo': cv2.COLORMAP_TURBO
}


def shrink(image: np.ndarray,
           max_side_px: int,
           keep_values: bool = False) -> np.ndarray:
    """Shrink a picture, a map or a label so that it fits a square.

    Args:
        image: (H, W) or (H, W, 3).
        max_side_px: Limit of the longer side; smaller ones stay as they are.
        keep_values: Take the nearest value, for labels, instead of a mean.

    Returns:
        (h, w) or (h, w, 3) of the dtype of ``image``.
    """
    factor = max_side_px / max(image.shape[:2])
    if factor >= 1:
        return image
    height, width = (max(round(side * factor), 1) for side in image.shape[:2])
    mode = cv2.INTER_NEAREST if keep_values else cv2.INTER_AREA
    return cv2.resize(image, (width, height), interpolation=mode)


def paint_classes(image: np.ndarray, label: np.ndarray,
                  colors: Sequence[Color], alpha: float) -> np.ndarray:
    """Lay class colours over an image.

    Args:
        image: (H, W, 3) uint8.
        label: (H, W) integers; ids without a colour leave the image as is.
        colors: Colour of each class id.
        alpha: Opacity of the colours in [0, 1].

    Returns:
        (H, W, 3) uint8.
    """
    table = np.zeros((256, 3), np.float32)
    table[:len(colors)] = np.reshape(colors, (-1, 3))
    mixed = (1 - alpha) * image + alpha * table[label]
    has_color = (label < len(colors))[..., None]
    return np.where(has_color, mixed.round(), image).astype(np.uint8)


def paint_ground_truth(image: np.ndarray, seg_label: np.ndarray,
                       colors: Sequence[Color], alpha: float) -> np.ndarray:
    """Lay stored labels over an image.

    Classes get their colours, pixels without a class stay as they are, void
    turns dark grey, anomalies turn red.

    Args:
        image: (H, W, 3) uint8.
        seg_label: (H, W), class ids and reserved ids.
        colors: Colour of each class id.
        alpha: Opacity of the colours in [0, 1].

    Returns:
        (H, W, 3) uint8.
    """
    picture = paint_classes(image, seg_label, colors, alpha)
    special = np.zeros_like(seg_label)
    special[seg_label == IGNORE_INDEX] = 1
    special[seg_label == OUTLIER_INDEX] = 2
    reserved = paint_classes(image, special - 1, [VOID_COLOR, ANOMALY_COLOR],
                             max(alpha, 0.6))
    return np.where((special > 0)[..., None], reserved, picture)


def outline(picture: np.ndarray, mask: np.ndarray,
            color: Color = ANOMALY_COLOR) -> np.ndarray:
    """Return the picture with the borders of a bool mask (H, W) drawn."""
    contours, _ = cv2.findContours(
        mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(picture.copy(), contours, -1, color, 1)


def robust_range(anomaly_map: np.ndarray,
                 percentiles: tuple[float, float]) -> tuple[float, float]:
    """Return two percentiles of the finite scores, NaN if there is none.

    Pixels outside a region of interest do not count.
    """
    finite = anomaly_map[np.isfinite(anomaly_map)
                         & (anomaly_map != np.float32(OUTSIDE_SCORE))]
    if not finite.size:
        return float('nan'), float('nan')
    low, high = np.percentile(finite, percentiles)
    return float(low), float(high)


def heat_map(anomaly_map: np.ndarray, low: float, high: float,
             colormap: int = cv2.COLORMAP_VIRIDIS) -> np.ndarray:
    """Turn scores into colours, bright = anomalous.

    Args:
        anomaly_map: (H, W) floats.
        low: Score of the darkest colour.
        high: Score of the brightest colour; scores outside are clipped. A
            range of no extent is drawn dark.
        colormap: One of OpenCV's ``COLORMAP_*``.

    Returns:
        (H, W, 3) uint8; scores that are NaN are magenta.
    """
    extent = high - low if high > low else np.inf
    levels = np.clip((np.nan_to_num(anomaly_map) - low) / extent, 0, 1)
    levels = np.nan_to_num(levels * 255).round().astype(np.uint8)
    picture = cv2.applyColorMap(levels, colormap)[..., ::-1].copy()
    picture[np.isnan(anomaly_map)] = (255, 0, 255)
    return picture


def color_bar(height_px: int, low: float, high: float,
              colormap: int = cv2.COLORMAP_VIRIDIS) -> np.ndarray:
    """Draw the colours of :func:`heat_map` with the scores at both ends."""
    ramp = np.linspace(1, 0, height_px)[:, None].repeat(_BAR_PX, axis=1)
    labels = np.full((height_px, _BAR_LABEL_PX, 3), _PAPER, np.uint8)
    for text, y in ((f'{high:.3g}', 14), (f'{low:.3g}', height_px - 6)):
        _write(labels, text, (4, y))
    return np.concatenate([heat_map(ramp, 0, 1, colormap), labels], axis=1)


def titled(picture: np.ndarray, title: str) -> np.ndarray:
    """Put a line with a title above a picture."""
    line = np.full((_LINE_PX, picture.shape[1], 3), _PAPER, np.uint8)
    _write(line, title, (4, _LINE_PX - 6))
    return np.concatenate([line, picture])


def side_by_side(pictures: Sequence[np.ndarray],
                 gap_px: int = 4) -> np.ndarray:
    """Join pictures of one height from left to right."""
    gap = np.full((pictures[0].shape[0], gap_px, 3), _PAPER, np.uint8)
    columns = [part for picture in pictures for part in (picture, gap)]
    return np.concatenate(columns[:-1], axis=1)


def legend(width_px: int, entries: Sequence[tuple[str,
                                                  Color]]) -> np.ndarray:
    """Draw names next to their colours, in as many lines as needed.

    Args:
        width_px: Width of the picture.
        entries: Name and colour of each entry.

    Returns:
        (20 * lines, width_px, 3) uint8.
    """
    places, x, line = [], 4, 0
    for name, _ in entries:
        needed = 24 + cv2.getTextSize(name, _FONT, _FONT_SCALE, 1)[0][0]
        if x > 4 and x + needed > width_px:
            x, line = 4, line + 1
        places.append((x, line * _LINE_PX))
        x += needed + 8
    picture = np.full(((line + 1) * _LINE_PX, width_px, 3), _PAPER, np.uint8)
    for (name, color), (x, y) in zip(entries, places, strict=True):
        picture[y + 4:y + 16, x:x + 12] = color
        _write(picture, name, (x + 16, y + _LINE_PX - 6))
    return picture


def legend_entries(labels: Sequence[np.ndarray], names: Sequence[str],
                   colors: Sequence[Color]) -> list[tuple[str, Color]]:
    """List what occurs in some label maps: classes, then reserved ids."""
    present = sorted({int(v) for label in labels for v in np.unique(label)})
    reserved = {
        KNOWN_INDEX: ('no class annotated', KNOWN_COLOR),
        OUTLIER_INDEX: ('anomaly', ANOMALY_COLOR),
        IGNORE_INDEX: ('void', VOID_COLOR)
    }
    entries = []
    for label in present:
        if label in reserved:
            entries.append(reserved[label])
        elif label < len(colors):
            name = names[label] if label < len(names) else f'class {label}'
            entries.append((name, colors[label]))
    return entries


def _write(picture: np.ndarray, text: str, origin: tuple[int, int]) -> None:
    cv2.putText(picture, text, origin, _FONT, _FONT_SCALE, _INK, 1,
                cv2.LINE_AA)
