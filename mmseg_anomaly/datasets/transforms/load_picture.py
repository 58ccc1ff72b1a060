"""Take a picture from an array or from its file."""
from mmseg.datasets.transforms import LoadImageFromNDArray
from mmseg.registry import TRANSFORMS

from mmseg_anomaly.pictures import three_channel_image


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
