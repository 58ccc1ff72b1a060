"""Objects cut out of COCO images."""
from collections.abc import Sequence
from pathlib import Path

import mmcv
import numpy as np
from mmengine.logging import print_log
from mmseg.registry import DATASETS

from .coco_index import ROAD_CATEGORIES, read_coco_index
from .cutout import OPAQUE, Cutout


@DATASETS.register_module()
class CocoOutliers:
    """Cut-outs of a COCO instances file, without what a road scene knows.

    An image that shows a denied category is left out as a whole, because an
    unlabelled part of it may lie inside another object's mask; denied
    instances and crowds are left out in any case. The json is read once,
    images are read when an object is asked for.

    .. code-block:: python

        source=dict(
            type='CocoOutliers',
            data_root='data/coco',
            ann_file='annotations/instances_train2017.json',
            data_prefix=dict(img_path='train2017'))

    Args:
        ann_file: COCO instances json, polygons or run lengths.
        data_root: Folder that ``ann_file`` and ``data_prefix`` are in.
        data_prefix: ``img_path`` is the folder of the images; ``data_root``
            itself unless given.
        deny_categories: Instances of these categories are left out.
        deny_image_categories: Images with any instance of these categories
            are left out as a whole.
        min_area: Pixels an object must have at least in its own image.

    Raises:
        FileNotFoundError: If the json or an image it lists is missing.
        ValueError: If ``data_prefix`` has other keys, the json holds no
            segmentation, a denied category is unknown, or nothing is left.
    """

    def __init__(self,
                 ann_file: str,
                 data_root: str = '',
                 *,
                 data_prefix: dict[str, str] | None = None,
                 deny_categories: Sequence[str] = ROAD_CATEGORIES,
                 deny_image_categories: Sequence[str] = ROAD_CATEGORIES,
                 min_area: int = 400) -> None:
        self.ann_file = Path(data_root, ann_file)
        data_prefix = dict(img_path='') if data_prefix is None else data_prefix
        if set(data_prefix) != {'img_path'}:
            raise ValueError('`data_prefix` must be dict(img_path=...), got '
                             f'{data_prefix}')
        self.image_dir = Path(data_root, data_prefix['img_path'])
        self._index, removed = read_coco_index(
            self.ann_file, deny_categories, deny_image_categories, min_area)
        self._report(removed)
        self._check_images_exist()

    def __len__(self) -> int:
        return len(self._index.annotation_ids)

    def __getitem__(self, row: int) -> Cutout:
        """Read one object.

        Raises:
            ValueError: If its image cannot be decoded or has another size
                than the json says.
        """
        index = self._index
        image_row = index.image_rows[row]
        mask, box = index.decode_mask(row)
        image = self._read_image(image_row)[box]
        return Cutout(
            image=image,
            alpha=mask * np.uint8(OPAQUE),
            category=index.categories[index.category_rows[row]],
            origin=dict(
                image=str(index.file_names[image_row]),
                image_id=int(index.image_ids[image_row]),
                annotation_id=int(index.annotation_ids[row])))

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(ann_file={str(self.ann_file)!r}, '
                f'objects={len(self)})')

    def _report(self, removed: dict[str, int]) -> None:
        reasons = ', '.join(f'{count} {reason}'
                            for reason, count in removed.items()) or 'none'
        if len(self) == 0:
            raise ValueError(
                f'no object of {self.ann_file} passes the filters, which '
                f'removed: {reasons}; relax `deny_categories`, '
                '`deny_image_categories` or `min_area`')
        print_log(
            f'{len(self)} objects to paste in {self.ann_file}; removed: '
            f'{reasons}', logger='current')

    def _check_images_exist(self) -> None:
        for name in self._index.file_names:
            if not (self.image_dir / name).is_file():
                raise FileNotFoundError(
                    f'{self.ann_file} lists the image {name}, which is not '
                    f'in {self.image_dir}; complete the folder or correct '
                    '`data_prefix=dict(img_path=...)`')

    def _read_image(self, image_row: int) -> np.ndarray:
        path = self.image_dir / str(self._index.file_names[image_row])
        # COCO annotates the stored pixels, whatever EXIF says.
        image = mmcv.imfrombytes(
            path.read_bytes(), flag='color_ignore_orientation', backend='cv2')
        if image is None:
            raise ValueError(f'{path} cannot be decoded as an image; replace '
                             f'it or remove it from {self.ann_file}')
        size_hw = tuple(self._index.sizes_hw[image_row].tolist())
        if image.shape[:2] != size_hw:
            raise ValueError(
                f'{path} has (height, width) {image.shape[:2]}, but '
                f'{self.ann_file} says {size_hw}; its masks do not fit')
        return image
