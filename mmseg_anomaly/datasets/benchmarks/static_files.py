"""Write scenes with pasted objects, and count what is in them."""
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from mmseg_anomaly.labels import IGNORE_INDEX, OUTLIER_INDEX
from mmseg_anomaly.paths import write_picture


def write_scene(name: str, img: np.ndarray, seg_label: np.ndarray,
                out: Path) -> dict[str, str]:
    """Write one scene losslessly.

    Args:
        name: Path below ``images`` and ``annotations``, without suffix.
        img: (H, W, 3) uint8, BGR.
        seg_label: (H, W) uint8, stored ids.
        out: Folder of the set.

    Returns:
        ``image`` and ``annotation``, relative to ``out``.

    Raises:
        OSError: If a file cannot be written.
    """
    paths = dict(image=f'images/{name}.png',
                 annotation=f'annotations/{name}.png')
    for key, array in (('image', img), ('annotation', seg_label)):
        write_picture(out / paths[key], array)
    return paths


def count_pixels(seg_label: np.ndarray) -> dict[str, int]:
    """Count the pixels of an anomaly, void and everything else."""
    is_outlier = seg_label == OUTLIER_INDEX
    is_void = seg_label == IGNORE_INDEX
    return dict(
        outlier=int(is_outlier.sum()),
        void=int(is_void.sum()),
        known=int((~is_outlier & ~is_void).sum()))


def summarise(entries: list[dict]) -> dict[str, Any]:
    """Count images, objects, pixels and categories of all entries."""
    categories = Counter(
        outlier['category'] for entry in entries
        for outlier in entry['outliers'])
    return dict(
        images=len(entries),
        objects=sum(categories.values()),
        images_without_object=sum(not entry['outliers'] for entry in entries),
        skipped_objects=sum(entry['num_skipped'] for entry in entries),
        pixels={
            key: sum(entry['num_pixels'][key] for entry in entries)
            for key in ('outlier', 'void', 'known')
        },
        categories=dict(sorted(categories.items())))
