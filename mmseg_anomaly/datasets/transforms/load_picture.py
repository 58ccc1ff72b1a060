"""Take a picture from an array or from its file."""
from mmseg.datasets.transforms import LoadImageFromNDArray
from mmseg.registry import TRANSFORMS


# In place of MMSeg's transform of the same name.
@TRANSFORMS.register_module(name='LoadImageFromNDArray', force=True)
class LoadPicture(LoadImageFromNDArray):
    """Take ``img`` as it is, and read ``img_path`` where there is none.

    At the first array ``mmseg.apis.inference_model`` puts
    ``LoadImageFromNDArray`` into the model's pipeline and leaves it there, so
    every path after an array would fail.

    Required Keys: img, (H, W) or (H, W, C), or img_path.

    Added Keys: img, img_shape, ori_shape; img_path is None for an array.

    Args:
        to_float32: Convert to float32.
        color_type, imdecode_backend, ignore_empty, backend_args: As in
            MMCV's ``LoadImageFromFile``, for files.
    """

    def transform(self, results: dict) -> dict | None:
        """Load the picture of ``results``."""
        if 'img' in results:
            return super().transform(results)
        return super(LoadImageFromNDArray, self).transform(results)
