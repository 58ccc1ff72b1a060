"""The generated road world as a dataset."""
from mmseg.registry import DATASETS

from ..folder_dataset import FolderDataset
from .classes import CLASSES, PALETTE


@DATASETS.register_module()
class SyntheticRoadsDataset(FolderDataset):
    """Drawn road scenes: eight classes, strange objects as 254.

    ``tools/dataset_converters/synthetic_roads.py`` writes the files:
    ``images/{train,val,test}`` and ``labels/{train,val,test}`` with equal
    stems, and ``outliers/`` with the strange objects in COCO format.

    Example:
        >>> test_dataset = dict(
        ...     type='SyntheticRoadsDataset',
        ...     data_root='data/synthetic_roads',
        ...     data_prefix=dict(
        ...         img_path='images/test', seg_map_path='labels/test'),
        ...     pipeline=[])
    """

    METAINFO = dict(classes=CLASSES, palette=PALETTE)

    def __init__(self, img_suffix: str = '.png', **dataset_args) -> None:
        super().__init__(img_suffix=img_suffix, **dataset_args)
