"""LostAndFound, small objects on real roads."""
from typing import Any, ClassVar

from mmseg.registry import DATASETS

from mmseg_anomaly.checks import check_choice
from mmseg_anomaly.labels import IGNORE_INDEX, KNOWN_INDEX, OUTLIER_INDEX

from .anomaly_dataset import AnomalyDataset
from .file_layouts import Layout, Split

# Frames of the test folder without one labelled pixel.
_UNLABELLED = (17, 37, 55, 72, 91, 110, 129, 153, 174, 197, 218, 353, 490,
               618, 686, 792, 793)
# Children and bicycles, which models of Cityscapes know.
_KNOWN_OBJECTS = ('15_Rechbergstr_Deckenpfronn',
                  '01_Hanns_Klemm_Str_45_000006',
                  '01_Hanns_Klemm_Str_45_000007', '10_Schlossberg_9_000004')
_TEST = dict(folders=(('split', 'test'), ),
             heatmap_folder='LostAndFound-test')
_FOLDERS = dict(image_folder='leftImg8bit/{split}',
                label_folder='gtCoarse/{split}',
                image_suffix='_leftImg8bit', has_scenes=True)


@DATASETS.register_module()
class LostAndFoundDataset(AnomalyDataset):
    """LostAndFound: obstacles (2 and above) on the free road (1).

    Everything else is void, so that only the road is evaluated. 0 is not
    "normal" here, and 1 is not "anomaly". The two encodings disagree on
    objects that are no hazard: 'labelIds' counts them as obstacles, as the
    benchmark does, 'TrainIds' has them as 0, hence void.

    Args:
        data_root: With ``leftImg8bit`` and ``gtCoarse``.
        encoding: 'labelIds' or 'TrainIds', which label files to read.
        kwargs: As in ``AnomalyDataset``. ``split`` is 'test_no_known'
            (1043 images without known objects and unlabelled frames),
            'test' (1203) or 'train' (1036).

    Raises:
        ValueError: If ``encoding`` is none of the two.

    Source: Pinggera et al., arXiv 1609.04653; splits and label ranges:
        road-anomaly-benchmark, ``datasets/tracks.py``.
    """

    LAYOUTS = dict(
        labelIds=Layout(label_suffix='_gtCoarse_labelIds.png', **_FOLDERS),
        TrainIds=Layout(
            label_suffix='_gtCoarse_labelTrainIds.png', **_FOLDERS))
    RAW_LABEL_MAPS: ClassVar[dict[str, dict[int, int]]] = dict(
        labelIds={
            0: IGNORE_INDEX,
            1: KNOWN_INDEX,
            **dict.fromkeys(range(2, 201), OUTLIER_INDEX)
        },
        TrainIds={
            0: IGNORE_INDEX,
            1: KNOWN_INDEX,
            2: OUTLIER_INDEX,
            255: IGNORE_INDEX
        })
    SPLITS = dict(
        test_no_known=Split(
            1043, excluded_prefixes=_KNOWN_OBJECTS,
            excluded_positions=_UNLABELLED, num_listed=1203, **_TEST),
        test=Split(1203, void_positions=_UNLABELLED, **_TEST),
        train=Split(1036, folders=(('split', 'train'), ),
                    heatmap_folder='LostAndFound-train'))

    def __init__(self, data_root: str, *args: Any,
                 encoding: str = 'labelIds', **kwargs: Any) -> None:
        check_choice('encoding', encoding, self.RAW_LABEL_MAPS)
        self._encoding = encoding
        super().__init__(data_root, *args, layout=encoding, **kwargs)

    @property
    def raw_label_map(self) -> dict[int, int]:
        """Every id that files of the encoding may hold -> stored id."""
        return self.RAW_LABEL_MAPS[self._encoding]
