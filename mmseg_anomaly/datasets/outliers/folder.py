"""Cut-outs in a folder: RGBA images, or images and masks."""
import os
from collections.abc import Sequence
from numbers import Integral
from pathlib import Path

import numpy as np
from mmseg.registry import DATASETS

from mmseg_anomaly.checks import check_flags, check_numbers, check_text

from ..label_files import decode_stored
from .cutout import OPAQUE, Cutout, crop_to_alpha
from .folder_pairs import pair_files
from .image_files import BrokenImageError, ImageFiles, image_size


@DATASETS.register_module()
class FolderOutliers:
    """Cut-outs in a folder or zip file: RGBA images, or images and masks.

    An RGBA image is one object, its alpha the mask. With ``mask_path``, the
    mask of ``images/cup/1.jpg`` is ``masks/cup/1.png``. Masks have one
    channel, palette files count by index: 0 is background, and 1 or 255 is
    the object, never both. Other values have a meaning only where
    ``object_values`` and ``void_values`` state it. The folder that holds a
    file names its category.

    .. code-block:: python

        source=dict(
            type='FolderOutliers',
            data_root='data/strange_things',
            data_prefix=dict(img_path='images', mask_path='masks'),
            img_suffix='.jpg')

    Args:
        data_root: Folder that the paths of ``data_prefix`` are in.
        data_prefix: ``img_path``, and ``mask_path`` unless the images are
            RGBA.
        img_suffix: End of the names of images, upper or lower case; unless
            given, every png and webp and, with masks, every jpg and jpeg.
        mask_suffix: End of the names of masks in place of the image's;
            unless given, that of any image.
        object_values: Value or values of a mask that are the object, such
            as the classes of Pascal VOC.
        void_values: Value or values that are neither, such as a border of
            255; they are cut off.
        soft_masks: Take the grey values of masks for alpha.

    Raises:
        FileNotFoundError: If a folder or a mask is missing.
        TypeError: If values are no integers or a flag is none.
        ValueError: If ``data_prefix`` has other keys, there is no image, two
            images have one mask, an argument has no effect, or the first
            mask holds a value without meaning.
    """

    def __init__(self,
                 data_root: str,
                 *,
                 data_prefix: dict[str, str] | None = None,
                 img_suffix: str | None = None,
                 mask_suffix: str | None = None,
                 object_values: int | Sequence[int] | None = None,
                 void_values: int | Sequence[int] = (),
                 soft_masks: bool = False) -> None:
        check_text('data_root', data_root, of=self)
        check_text('img_suffix', img_suffix, optional=True, of=self)
        check_text('mask_suffix', mask_suffix, optional=True, of=self)
        check_flags(self, soft_masks=soft_masks)
        self._objects = _values('object_values', object_values)
        self._void = _values('void_values', void_values)
        prefix = {'img_path': ''} if data_prefix is None else data_prefix
        if not {'img_path'} <= set(prefix) <= {'img_path', 'mask_path'}:
            raise ValueError('`data_prefix` must be dict(img_path=..., '
                             f'mask_path=...) or img_path alone, got {prefix}')
        self._images = ImageFiles(Path(data_root, prefix['img_path']))
        self._masks = (ImageFiles(Path(data_root, prefix['mask_path']))
                       if 'mask_path' in prefix else None)
        self._soft = soft_masks
        self._check_arguments()
        names, mask_names = pair_files(
            self._images, self._masks, img_suffix, mask_suffix)
        self._names = _packed(names)
        self._mask_names = _packed(mask_names)
        self._look_at_first_mask()

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, number: int) -> Cutout:
        """Read one object.

        Raises:
            BrokenImageError: If a file cannot be decoded, has no alpha, or
                shows no object, image and mask differ in size, or the mask
                holds a value without meaning.
        """
        name = os.fsdecode(self._names[number])
        image, alpha = (self._read_rgba(name) if self._masks is None else
                        self._read_pair(name, number))
        if alpha.max() <= OPAQUE // 2:  # nothing would be labelled
            problem = ('empty' if not alpha.any() else
                       f'{alpha.max()} at most, below half of {OPAQUE}')
            raise BrokenImageError(f'{self._images.path / name} shows no '
                                   f'object: its mask is {problem}')
        category = Path(name).parent.name or self._images.path.name
        return crop_to_alpha(
            Cutout(image, alpha, category, origin=dict(image=name)))

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(images={str(self._images.path)!r}, '
                f'objects={len(self)})')

    def _check_arguments(self) -> None:
        given = [name for name, value in (
            ('object_values', self._objects), ('void_values', self._void),
            ('soft_masks', self._soft)) if value]
        if given and self._masks is None:
            raise ValueError(f'`{given[0]}` of FolderOutliers has no effect '
                             'without `data_prefix=dict(mask_path=...)`')
        if given == ['void_values']:
            raise ValueError('`void_values` of FolderOutliers needs '
                             '`object_values`: what is the object')
        if self._soft and len(given) > 1:
            raise ValueError('`soft_masks` of FolderOutliers must stand '
                             f'without `{given[0]}`: all grey is alpha')
        if both := sorted({*self._objects} & {*self._void}):
            raise ValueError('`object_values` and `void_values` of '
                             f'FolderOutliers must differ, both hold {both}')

    def _read_rgba(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        image = self._images.read_image(name, with_alpha=True)
        if image.dtype != np.uint8 or image.shape[2:] != (4, ):
            raise BrokenImageError(
                f'{self._images.path / name} must be RGBA of 8 bit, got shape '
                f'{image.shape} of {image.dtype}; give `mask_path` for masks '
                'in files of their own')
        return image[..., :3], image[..., 3]

    def _read_pair(self, name: str,
                   number: int) -> tuple[np.ndarray, np.ndarray]:
        image = self._images.read_image(name)
        mask = self._read_mask(number)
        path = self._mask_path(number)
        alpha = self._alpha_of(mask, path)
        if mask.shape != image.shape[:2]:
            raise BrokenImageError(
                f'{path} must be one channel of 8 bit and of size '
                f'{image.shape[:2]}, got shape {mask.shape}')
        return image, alpha

    def _mask_path(self, number: int) -> Path:
        return self._masks.path / os.fsdecode(self._mask_names[number])

    def _read_mask(self, number: int) -> np.ndarray:
        """Return a mask as it is stored, of whatever shape."""
        path = self._mask_path(number)
        content = self._masks.read(os.fsdecode(self._mask_names[number]))
        image_size(content, path)
        try:
            mask = decode_stored(content, f'mask {path}')
        except ValueError as error:
            raise BrokenImageError(str(error)) from error
        return mask.astype(np.uint8) if mask.dtype == bool else mask

    def _look_at_first_mask(self) -> None:
        for number in range(len(self._mask_names)):
            try:
                mask = self._read_mask(number)
            except BrokenImageError:
                continue  # named when it is asked for
            self._alpha_of(mask, self._mask_path(number))
            return

    def _alpha_of(self, mask: np.ndarray, path: Path) -> np.ndarray:
        """Return (h, w) uint8 alpha of a mask by what its values mean.

        Raises:
            BrokenImageError: If it is no mask, or a value has no meaning.
        """
        if mask.dtype != np.uint8 or mask.ndim != 2:
            raise BrokenImageError(
                f'{path} must be one channel of 8 bit, got shape '
                f'{mask.shape} of {mask.dtype}; convert colours to values '
                'first')
        if self._soft:
            return mask
        values = np.flatnonzero(np.bincount(mask.ravel(), minlength=256))
        objects = self._objects or ((1, ) if 255 not in values else (255, ))
        unknown = sorted({*values.tolist()} - {0, *objects, *self._void})
        if unknown:
            raise BrokenImageError(
                f'the mask {path} holds the values {values.tolist()}, of '
                f'which {unknown} have no meaning: 0 is background and '
                f'{self._objects or "either 1 or 255"} the object; state '
                '`object_values` and `void_values` of FolderOutliers, or '
                '`soft_masks=True` if grey values are alpha')
        return np.isin(mask, objects) * np.uint8(OPAQUE)


def _packed(names: list[str]) -> np.ndarray:
    """Return names as one array of bytes, which workers share."""
    return np.array([os.fsencode(name) for name in names], np.bytes_)


def _values(argument: str,
            values: int | Sequence[int] | None) -> tuple[int, ...]:
    if values is None:
        return ()
    listed = [values] if isinstance(values, Integral) else values
    check_numbers(argument, listed, kind=int, low=0, high=255)
    return tuple(listed)
