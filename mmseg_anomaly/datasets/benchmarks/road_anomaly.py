"""RoadAnomaly, 60 photographs of strange things on roads."""
from mmseg.registry import DATASETS

from mmseg_anomaly.labels import KNOWN_INDEX, OUTLIER_INDEX

from .anomaly_dataset import AnomalyDataset
from .file_layouts import VALIDATION_LAYOUT, Layout, Split


@DATASETS.register_module()
class RoadAnomalyDataset(AnomalyDataset):
    """RoadAnomaly (2019). Its files store anomalies as 2 and no void.

    Source: Lis et al., "Detecting the Unexpected via Image Resynthesis",
        arXiv 1904.07595.
    """

    LAYOUTS = dict(
        official=Layout('frames', 'frames', '.labels/labels_semantic.png'),
        validation=VALIDATION_LAYOUT)
    SPLITS = dict(test=Split(60, images_without_anomaly=0))
    RAW_LABEL_MAP = {0: KNOWN_INDEX, 2: OUTLIER_INDEX}
