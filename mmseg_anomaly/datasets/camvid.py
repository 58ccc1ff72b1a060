"""CamVid, the eleven class version of the SegNet tutorial."""
from collections.abc import Sequence

from mmseg.registry import DATASETS

from mmseg_anomaly.labels import IGNORE_INDEX

from .non_empty_dataset import NonEmptyDataset


@DATASETS.register_module()
class CamVidDataset(NonEmptyDataset):
    """CamVid: 480x360 video frames from a car, eleven classes.

    Layout: ``images/{train,val,test}/*.jpg`` and
    ``annotations/{train,val,test}/*.png`` with equal stems. The files store
    void as 11, which ``RAW_LABEL_MAP`` turns into 255.

    Example:
        >>> train_dataset = dict(
        ...     type='CamVidDataset',
        ...     data_root='data/camvid',
        ...     data_prefix=dict(
        ...         img_path='images/train', seg_map_path='annotations/train'),
        ...     pipeline=[])
    """

    METAINFO = dict(
        classes=('sky', 'building', 'pole', 'road', 'sidewalk', 'tree',
                 'sign', 'fence', 'car', 'pedestrian', 'bicyclist'),
        palette=[[128, 128, 128], [128, 0, 0], [192, 192, 128],
                 [128, 64, 128], [60, 40, 222], [128, 128, 0],
                 [192, 128, 128], [64, 64, 128], [64, 0, 128], [64, 64, 0],
                 [0, 128, 192]])
    RAW_LABEL_MAP = {11: IGNORE_INDEX}

    @classmethod
    def get_label_map(
            cls,
            new_classes: Sequence[str] | None = None) -> dict[int, int]:
        """Return stored id -> training id, the void of the files included.

        Args:
            new_classes: Classes to keep, in their new order; None keeps all.

        Returns:
            Mapping of the ids that change, as ``LoadCheckedAnnotations``
            applies it.
        """
        class_map = super().get_label_map(new_classes) or {}
        return {**class_map, **cls.RAW_LABEL_MAP}
