"""The generated road world as a dataset, and its classes."""
from mmseg.registry import DATASETS

from ...checks import check_text
from ..non_empty_dataset import NonEmptyDataset

# The order of the classes is their id.
CLASSES = ('road', 'sidewalk', 'building', 'vegetation', 'sky', 'car',
           'person', 'pole')
PALETTE = [[128, 64, 128], [244, 35, 232], [70, 70, 70], [107, 142, 35],
           [70, 130, 180], [0, 0, 142], [220, 20, 60], [153, 153, 153]]
(ROAD, SIDEWALK, BUILDING, VEGETATION, SKY, CAR, PERSON,
 POLE) = range(len(CLASSES))


@DATASETS.register_module()
class SyntheticRoadsDataset(NonEmptyDataset):
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
        check_text('img_suffix', img_suffix, of=self)
        super().__init__(img_suffix=img_suffix, **dataset_args)
