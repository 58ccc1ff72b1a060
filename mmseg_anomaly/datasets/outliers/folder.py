"""Cut-outs in a folder: RGBA images, or images and masks."""
from pathlib import Path

import numpy as np
from mmseg.registry import DATASETS

from .cutout import OPAQUE, Cutout, crop_to_alpha
from .image_files import BrokenImageError, ImageFiles


@DATASETS.register_module()
class FolderOutliers:
    """Cut-outs in a folder or zip file: RGBA images, or images and masks.

    An RGBA image is one object, its alpha the mask. With ``mask_path``, the
    mask of ``images/cup/1.jpg`` is ``masks/cup/1.png``; a mask of 0 and 1 or
    of 0 and 255 is hard, other grey values are alpha. The folder that holds
    a file names its category.

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
        img_suffix: End of the names of images.
        mask_suffix: End of the names of masks.

    Raises:
        FileNotFoundError: If a folder or a mask is missing.
        ValueError: If ``data_prefix`` has other keys or there is no image.
    """

    def __init__(self,
                 data_root: str,
                 *,
                 data_prefix: dict[str, str] | None = None,
                 img_suffix: str = '.png',
                 mask_suffix: str = '.png') -> None:
        prefix = {'img_path': ''} if data_prefix is None else data_prefix
        if not {'img_path'} <= set(prefix) <= {'img_path', 'mask_path'}:
            raise ValueError('`data_prefix` must be dict(img_path=..., '
                             f'mask_path=...) or img_path alone, got {prefix}')
        self._images = ImageFiles(Path(data_root, prefix['img_path']))
        self._masks = (ImageFiles(Path(data_root, prefix['mask_path']))
                       if 'mask_path' in prefix else None)
        self._mask_suffix = mask_suffix
        names = [name for name in self._images.names()
                 if name.endswith(img_suffix)]
        if not names:
            raise ValueError(f'{self._images.path} holds no *{img_suffix}; '
                             'correct `data_root` or `img_suffix`')
        self._names = np.array([name.encode() for name in names], np.bytes_)
        self._check_masks_exist(names)

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, number: int) -> Cutout:
        """Read one object.

        Raises:
            BrokenImageError: If a file cannot be decoded, has no alpha, or
                shows no object, or image and mask differ in size.
        """
        name = self._names[number].decode()
        image, alpha = (self._read_rgba(name) if self._masks is None else
                        self._read_pair(name))
        if not alpha.any():
            raise BrokenImageError(f'{self._images.path / name} shows no '
                                   'object: its mask is empty')
        category = Path(name).parent.name or self._images.path.name
        return crop_to_alpha(
            Cutout(image, alpha, category, origin=dict(image=name)))

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(images={str(self._images.path)!r}, '
                f'objects={len(self)})')

    def _read_rgba(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        image = self._images.read_image(name, with_alpha=True)
        if image.dtype != np.uint8 or image.shape[2:] != (4, ):
            raise BrokenImageError(
                f'{self._images.path / name} must be RGBA of 8 bit, got shape '
                f'{image.shape} of {image.dtype}; give `mask_path` for masks '
                'in files of their own')
        return image[..., :3], image[..., 3]

    def _read_pair(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        image = self._images.read_image(name)
        mask_name = self._mask_name(name)
        alpha = self._masks.read_image(mask_name, with_alpha=True)
        if alpha.dtype != np.uint8 or alpha.shape != image.shape[:2]:
            raise BrokenImageError(
                f'{self._masks.path / mask_name} must be one channel of 8 '
                f'bit and of size {image.shape[:2]}, got shape {alpha.shape} '
                f'of {alpha.dtype}')
        return image, alpha if alpha.max() > 1 else alpha * np.uint8(OPAQUE)

    def _mask_name(self, name: str) -> str:
        return Path(name).with_suffix(self._mask_suffix).as_posix()

    def _check_masks_exist(self, names: list[str]) -> None:
        if self._masks is None:
            return
        missing = self._masks.first_missing(map(self._mask_name, names))
        if missing is not None:
            raise FileNotFoundError(
                f'there is no mask {self._masks.path / missing}; complete '
                'the folder or correct `mask_suffix`')
