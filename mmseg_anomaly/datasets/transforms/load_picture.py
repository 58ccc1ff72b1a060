"""Take a picture from an array or from its file."""
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cv2
from mmcv.transforms import LoadImageFromFile as PlainLoader
from mmengine import fileio
from mmengine.logging import print_log
from mmseg.datasets.transforms import LoadImageFromNDArray
from mmseg.registry import TRANSFORMS

from mmseg_anomaly.pictures import three_channel_image

from ..label_files import PILLOW_ERRORS
from ..orientation import orientation_note

_DAMAGE = (AssertionError, cv2.error, *PILLOW_ERRORS)  # of MMCV's loader
_TURNING = ('color', 'grayscale')  # MMCV's flags that obey EXIF


# In place of MMSeg's transform of the same name.
@TRANSFORMS.register_module(name='LoadImageFromNDArray', force=True)
class LoadPicture(LoadImageFromNDArray):
    """Take ``img`` as a file of it would be read, or read ``img_path``.

    Under the default ``color_type='color'`` grey is repeated in three
    channels, and alpha is left out. At the first array
    ``mmseg.apis.inference_model`` puts ``LoadImageFromNDArray`` into the
    model's pipeline and leaves it there, so every path after an array would
    fail.

    Required Keys: img, (H, W) or (H, W, C), or img_path.

    Added Keys: img, img_shape, ori_shape; img_path is None for an array.

    Args:
        to_float32: Convert to float32.
        color_type: Others than 'color' leave the channels of arrays alone.
        imdecode_backend, ignore_empty, backend_args: As in MMCV's
            ``LoadImageFromFile``, for files.
    """

    def transform(self, results: dict) -> dict | None:
        """Load the picture of ``results``."""
        if 'img' not in results:
            return super(LoadImageFromNDArray, self).transform(results)
        image = results['img']
        if self.color_type == 'color' and image.shape[2:] in ((), (1, ),
                                                              (4, )):
            results = {**results, 'img': three_channel_image(image)}
        return super().transform(results)


# In place of MMCV's transform of the same name, in MMSeg's scope.
@TRANSFORMS.register_module()
class LoadImageFromFile(PlainLoader):
    """Read a picture of a dataset as it is stored, another as displayed.

    Labels are arrays of the stored pixels, whatever the EXIF orientation of
    the image says, and so are maps and predictions that are written. An image
    whose tag matters is named in a warning. Datasets are recognised by
    ``reduce_zero_label``, which MMSeg requires of every one.

    Required Keys: img_path; optional reduce_zero_label.

    Added Keys: img, img_shape, ori_shape.

    Args:
        args: As in MMCV's ``LoadImageFromFile``.
        kwargs: Likewise, by name.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stored = PlainLoader(*args, **kwargs)
        if self.color_type in _TURNING and self.imdecode_backend in (
                None, 'cv2', 'pillow'):
            self._stored.color_type += '_ignore_orientation'
        self._named: set[str] = set()

    def transform(self, results: dict) -> dict | None:
        """Load the picture of ``results``.

        Raises:
            ValueError: If it cannot be decoded.
        """
        path = results['img_path']
        if 'reduce_zero_label' not in results:
            with _named(path):
                return super().transform(results)
        with _named(path):
            loaded = self._stored.transform(results)
        if loaded is not None and path not in self._named:
            self._named.add(path)
            content = fileio.get(path, backend_args=self.backend_args)
            if note := orientation_note(content):
                print_log(f'{path}: {note}', logger='current',
                          level=logging.WARNING)
        return loaded


@contextmanager
def _named(path: str) -> Iterator[None]:
    """Name the file in what decoders say of its content."""
    try:
        yield
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.filename:
            raise
        reason = ' '.join(str(error).split())
        raise ValueError(f'the image {path} cannot be decoded ({reason}); '
                         'copy it again') from error
