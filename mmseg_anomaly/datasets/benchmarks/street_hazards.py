"""StreetHazards, rendered streets with rendered anomalies."""
from collections.abc import Sequence
from typing import Any

from mmseg.registry import DATASETS

from mmseg_anomaly.checks import check_flags
from mmseg_anomaly.labels import IGNORE_INDEX, KNOWN_INDEX, OUTLIER_INDEX

from .anomaly_dataset import AnomalyDataset
from .file_layouts import Layout, Split

_CLASSES = ('unlabeled', 'building', 'fence', 'other', 'pedestrian', 'pole',
            'road line', 'road', 'sidewalk', 'vegetation', 'car', 'wall',
            'traffic sign')
_ANOMALY_ID = len(_CLASSES) + 1


@DATASETS.register_module()
class StreetHazardsDataset(AnomalyDataset):
    """StreetHazards: 13 training classes, and anomalies in the test part.

    Files count classes from 1; 14 is an anomaly and 0 void. The authors
    train on 'unlabeled' (sky among it) as a class, and so does this.

    .. code-block:: python

        train_dataloader = dict(dataset=dict(
            type='StreetHazardsDataset', data_root='data/StreetHazards',
            split='train', pipeline=train_pipeline))
        test_dataloader = dict(dataset=dict(
            type='StreetHazardsDataset', data_root='data/StreetHazards',
            anomaly_only=True, pipeline=test_pipeline))

    Args:
        data_root: With the folders ``train`` and ``test`` of the release.
        anomaly_only: Store every class as 253, so that a model of other
            classes is tested on it; there is no IoU then.
        metainfo: With ``anomaly_only`` the model's classes and palette.
        kwargs: As in ``AnomalyDataset``. ``split`` is 'test' (1500 images),
            'train' (5125) or 'val' (1031).

    Raises:
        ValueError: If other classes are given without ``anomaly_only``.

    Source: Hendrycks et al., arXiv 1911.11132; ids and folders:
        hendrycks/anomaly-seg, ``create_dataset.py`` and ``dataset.py``.
    """

    METAINFO = dict(
        classes=_CLASSES,
        palette=[[0, 0, 0], [70, 70, 70], [190, 153, 153], [250, 170, 160],
                 [220, 20, 60], [153, 153, 153], [157, 234, 50],
                 [128, 64, 128], [244, 35, 232], [107, 142, 35],
                 [0, 0, 142], [102, 102, 156], [220, 220, 0]])
    LAYOUTS = dict(official=Layout(
        '{part}/images/{split}', '{part}/annotations/{split}',
        has_scenes=True, names_are_unique=False))
    SPLITS = dict(
        test=Split(
            1500, (('part', 'test'), ('split', 'test')),
            images_without_anomaly=0),
        train=Split(
            5125, (('part', 'train'), ('split', 'training')),
            images_without_anomaly=5125),
        val=Split(
            1031, (('part', 'train'), ('split', 'validation')),
            images_without_anomaly=1031))
    RAW_LABEL_MAP = {
        0: IGNORE_INDEX,
        **{raw_id + 1: raw_id for raw_id in range(len(_CLASSES))},
        _ANOMALY_ID: OUTLIER_INDEX
    }

    def __init__(self,
                 data_root: str,
                 pipeline: Sequence[dict] = (),
                 *,
                 anomaly_only: bool = False,
                 metainfo: dict[str, Any] | None = None,
                 **kwargs: Any) -> None:
        check_flags(self, anomaly_only=anomaly_only)
        metainfo = dict(metainfo or {})
        self._anomaly_only = anomaly_only
        if anomaly_only:
            metainfo = {**AnomalyDataset.METAINFO, **metainfo}
        elif tuple(metainfo.get('classes', _CLASSES)) != _CLASSES:
            raise ValueError(
                f'labels of StreetHazards are of the classes {_CLASSES}, got '
                f'`metainfo` of {tuple(metainfo["classes"])}; leave it out, '
                'or set `anomaly_only=True` for a model of other classes')
        super().__init__(data_root, pipeline, metainfo=metainfo, **kwargs)

    @property
    def raw_label_map(self) -> dict[int, int]:
        """Every id that label files may hold -> stored id."""
        if not self._anomaly_only:
            return self.RAW_LABEL_MAP
        return {
            raw_id: KNOWN_INDEX if new_id < len(_CLASSES) else new_id
            for raw_id, new_id in self.RAW_LABEL_MAP.items()
        }
