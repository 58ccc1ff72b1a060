"""Objects cut out of COCO images."""
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmengine.logging import print_log
from mmseg.registry import DATASETS

from mmseg_anomaly.checks import check_flags, check_text
from mmseg_anomaly.paths import inside

from ..orientation import orientation_note
from .coco_filters import (
    ROAD_CATEGORIES,
    ROAD_SURFACES,
    CocoFilters,
    check_filters,
    select_rows,
)
from .coco_index import open_coco_index
from .cutout import OPAQUE, Cutout
from .image_files import (
    BrokenImageError,
    ImageFiles,
    decode_image,
    image_size,
)


@DATASETS.register_module()
class CocoOutliers:
    """Cut-outs of a COCO or LVIS json, without what a road scene knows.

    An image that shows a denied category is left out as a whole, because an
    unlabelled part of it may lie inside another object's mask; denied
    instances and crowds are left out in any case. The json is scanned once
    and its index, keyed by its content, kept on disk; images are read when
    an object is asked for.

    .. code-block:: python

        source=dict(
            type='CocoOutliers',
            data_root='data/coco',
            ann_file='annotations/instances_train2017.json',
            data_prefix=dict(img_path='train2017'))

    Json and images may stay in their zip files: ``ann_file=
    'annotations_trainval2017.zip/annotations/instances_train2017.json'`` and
    ``img_path='train2017.zip/train2017'``. LVIS names the folder with each
    image: its ``img_path`` is the folder of ``train2017``. LVIS annotates not
    every category in every image, so that what should be denied may go
    unnoticed there.

    Names of categories are compared without case, spaces and punctuation,
    and the file's may be plural or end as in COCO-Stuff: 'traffic light'
    denies 'Traffic_Lights', 'sky' denies 'sky-other-merged'.

    Args:
        ann_file: Instances, polygons or run lengths.
        data_root: Folder that ``ann_file`` and ``data_prefix`` are in.
        data_prefix: ``img_path`` is the folder of the images; ``data_root``
            itself unless given.
        allow_categories: Only instances of these, one name or several;
            all unless given.
        deny_categories: Instances of these categories are left out.
        deny_image_categories: Images with any instance of these categories
            are left out as a whole.
        min_area: Pixels an object must have at least in its own image.
        max_area: Pixels it may have at most, no fewer than ``min_area``.
        min_solidity: Share of its convex hull that an object must fill.
        max_aspect: Longer by shorter side of its box, at most; at least 1.
        allow_truncated: Whether an object may touch the border of its image,
            where a part of it may be missing.
        skip_damaged: Whether instances whose masks are malformed are left
            out, with a warning. By default one that passes ``allow_`` and
            ``deny_`` is an error.
        allow_outside: Whether the json may name images outside the folder
            of the images.
        cache_dir: Folder of the index; ``~/.cache/mmseg_anomaly`` unless
            given.

    Raises:
        FileNotFoundError: If the json or an image it lists is missing.
        ValueError: If ``data_prefix`` has other keys, the json holds no
            segmentation, names an image or an id twice, a mask is damaged,
            a filter is out of range, a category unknown, an image outside
            its folder, or nothing is left.
    """

    def __init__(self,
                 ann_file: str,
                 data_root: str = '',
                 *,
                 data_prefix: dict[str, str] | None = None,
                 allow_categories: str | Sequence[str] | None = None,
                 deny_categories: str | Sequence[str] = (
                     *ROAD_CATEGORIES, *ROAD_SURFACES),
                 deny_image_categories: str
                 | Sequence[str] = ROAD_CATEGORIES,
                 min_area: int = 400,
                 max_area: int | None = None,
                 min_solidity: float = 0.0,
                 max_aspect: float | None = None,
                 allow_truncated: bool = True,
                 skip_damaged: bool = False,
                 allow_outside: bool = False,
                 cache_dir: str | None = None) -> None:
        check_text('ann_file', ann_file, of=self)
        check_text('data_root', data_root, of=self)
        check_text('cache_dir', cache_dir, optional=True, of=self)
        check_flags(self, allow_outside=allow_outside)
        self.ann_file = Path(data_root, ann_file)
        data_prefix = dict(img_path='') if data_prefix is None else data_prefix
        if set(data_prefix) != {'img_path'}:
            raise ValueError('`data_prefix` must be dict(img_path=...), got '
                             f'{data_prefix}')
        filters = CocoFilters(
            allow_categories, deny_categories, deny_image_categories,
            min_area, max_area, min_solidity, max_aspect, allow_truncated,
            skip_damaged)
        check_filters(filters)  # the json may take minutes
        self._index = open_coco_index(self.ann_file, cache_dir)
        self._rows, removed = select_rows(self._index, filters, self.ann_file)
        self._report(removed)
        self._images = ImageFiles(Path(data_root, data_prefix['img_path']))
        self._check_images_exist(allow_outside)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, number: int) -> Cutout:
        """Read one object.

        Raises:
            BrokenImageError: If its image cannot be decoded or has another
                size than the json says.
        """
        row = self._rows[number]
        # first, since the size in the json may be far from its own
        image = self._read_image(self._index['image_rows'][row])
        mask, box = self._index.decode_mask(row)
        category_row = self._index['category_rows'][row]
        return Cutout(
            image=image[box],
            alpha=mask * np.uint8(OPAQUE),
            category=self._index.categories[category_row],
            origin=self.origin(number))

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(ann_file={str(self.ann_file)!r}, '
                f'objects={len(self)})')

    def origin(self, number: int) -> dict[str, int | str]:
        """Return where an object comes from without reading its image."""
        row = self._rows[number]
        image_row = self._index['image_rows'][row]
        return dict(
            image=self._index.file_name(image_row),
            image_id=int(self._index['image_ids'][image_row]),
            annotation_id=int(self._index['annotation_ids'][row]))

    def _report(self, removed: dict[str, int]) -> None:
        reasons = ', '.join(f'{count} {reason}'
                            for reason, count in removed.items()) or 'none'
        if len(self) == 0:
            raise ValueError(
                f'no object of {self.ann_file} passes the filters, which '
                f'removed: {reasons}; relax these')
        print_log(
            f'{len(self)} objects to paste in {self.ann_file}; removed: '
            f'{reasons}', logger='current')

    def _check_images_exist(self, allow_outside: bool) -> None:
        image_rows = np.unique(self._index['image_rows'][self._rows])
        names = [self._index.file_name(row) for row in image_rows]
        for name in names:
            inside(self._images.path, name, self.ann_file,
                   allow=allow_outside)
        missing = self._images.first_missing(names)
        if missing is not None:
            raise FileNotFoundError(
                f'{self.ann_file} lists the image {missing}, which is not '
                f'in {self._images.path}; complete the folder or correct '
                '`data_prefix=dict(img_path=...)`')

    def _read_image(self, image_row: int) -> np.ndarray:
        name = self._index.file_name(image_row)
        content = self._images.read(name)
        size_hw = tuple(self._index['sizes_hw'][image_row].tolist())
        found_hw = image_size(content, self._images.path / name)
        if found_hw != size_hw:
            note = orientation_note(content)
            raise BrokenImageError(
                f'{self._images.path / name} has (height, width) '
                f'{found_hw}, but {self.ann_file} says {size_hw}; its '
                f'masks do not fit{note and "; "}{note}')
        self._images.name_turned(name, content)
        return decode_image(content, self._images.path / name)
