"""Look for mistakes in one image of a dataset and its raw label."""
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from mmseg_anomaly.labels import IGNORE_INDEX, split_outliers

from .image_check import check_image
from .label_files import (
    ids_outside_map,
    ids_without_meaning,
    read_label,
    stored_ids,
)
from .orientation import orientation_note


@dataclass
class SampleAudit:
    """What one image and its label hold.

    Args:
        info: What the dataset knows of it.
        size_wh: Size (w, h) of the image; None if it cannot be read.
        raw_pixels: (256,) pixels of each raw id; zeros if unreadable.
        table: (256,) stored id of each raw id; None if unreadable.
        doubts: What is wrong with it.
    """

    info: dict
    size_wh: tuple[int, int] | None = None
    raw_pixels: np.ndarray = field(
        default_factory=lambda: np.zeros(256, np.int64))
    table: np.ndarray | None = None
    doubts: list[str] = field(default_factory=list)

    @property
    def has_label_file(self) -> bool:
        return Path(self.info['seg_map_path']).is_file()

    @property
    def name(self) -> str:
        return Path(self.info['img_path']).name

    def pixels(self, kind: int) -> int:
        """Return the pixels that are 0, 1 or 255 of an anomaly label."""
        if self.table is None:
            return 0
        is_kind = split_outliers(self.table)[1] == kind
        return int(self.raw_pixels[is_kind].sum())


def audit_sample(info: dict, num_classes: int,
                 may_be_void: bool = False) -> SampleAudit:
    """Read an image and its raw label.

    Args:
        info: What the dataset knows of it.
        num_classes: Ids below it are classes.
        may_be_void: Whether a label without one labelled pixel is what the
            set has there.
    """
    audit = SampleAudit(info)
    try:
        check_image(info['img_path'])
        with Image.open(info['img_path']) as image:
            audit.size_wh = image.size
        if note := orientation_note(Path(info['img_path']).read_bytes()):
            audit.doubts.append(f'{audit.name}: {note}')
    except ValueError as error:
        audit.doubts.append(str(error))
    if not audit.has_label_file:
        audit.doubts.append(f'{audit.name} is unlabelled: there is no file '
                            f'{info["seg_map_path"]}')
        return audit
    try:
        raw_label = read_label(info['seg_map_path'])
    except ValueError as error:
        audit.doubts.append(str(error))
        return audit
    audit.raw_pixels = np.bincount(raw_label.ravel(), minlength=256)
    audit.table = stored_ids(info['label_map'])
    raw_ids = np.flatnonzero(audit.raw_pixels)
    if audit.size_wh not in (None, raw_label.shape[::-1]):
        audit.doubts.append(
            f'{audit.name} is {audit.size_wh} (w, h), its label '
            f'{raw_label.shape[::-1]}')
    if unknown := unknown_ids(raw_ids, info, num_classes):
        audit.doubts.append(f'{audit.name} holds the raw ids {unknown}, '
                            'which mean nothing here')
    is_void = (audit.table[raw_ids] == IGNORE_INDEX).all()
    if len(raw_ids) == 1 and not (is_void and may_be_void):
        audit.doubts.append(f'{audit.name} is {raw_ids[0]} everywhere: not '
                            'labelled, or a dummy')
    return audit


def unknown_ids(raw_ids: np.ndarray, info: dict,
                num_classes: int) -> list[int]:
    """Return the raw ids that ``LoadCheckedAnnotations`` would refuse."""
    return sorted({*ids_outside_map(raw_ids, info),
                   *ids_without_meaning(raw_ids, info, num_classes)})
