"""The two tracks of SegmentMeIfYouCan."""
from mmseg.registry import DATASETS

from .anomaly_dataset import AnomalyDataset
from .file_layouts import VALIDATION_LAYOUT, Layout, Split

_OFFICIAL = Layout('images', 'labels_masks', '_labels_semantic.png')


@DATASETS.register_module()
class RoadAnomaly21Dataset(AnomalyDataset):
    """RoadAnomaly21, the anomaly track: 10 labelled images of 110.

    The labels of the 100 test images are the organisers' secret.

    Source: Chan et al., arXiv 2104.14812; numbers and names of splits:
        road-anomaly-benchmark, ``datasets/tracks.py``.
    """

    LAYOUTS = dict(official=_OFFICIAL, validation=VALIDATION_LAYOUT)
    SPLITS = dict(
        validation=Split(
            10, name_prefix='validation', heatmap_folder='AnomalyTrack-all',
            images_without_anomaly=0),
        test=Split(
            100, excluded_prefixes=('validation', ), hidden_labels=True,
            heatmap_folder='AnomalyTrack-all'))


@DATASETS.register_module()
class RoadObstacle21Dataset(AnomalyDataset):
    """RoadObstacle21, the obstacle track: 30 labelled images.

    Everything off the road is void. The release holds more ``validation_``
    images than the benchmark evaluates; those of ten prefixes are left out.
    'test' is what the leaderboard calls so, without night and snow.

    Source: as ``RoadAnomaly21Dataset``.
    """

    LAYOUTS = dict(official=_OFFICIAL, validation=VALIDATION_LAYOUT)
    SPLITS = dict(
        validation=Split(
            30, name_prefix='validation_', excluded_prefixes=(
                'validation_19', *(f'validation_{x}' for x in range(21, 30))),
            heatmap_folder='ObstacleTrack-all', images_without_anomaly=0),
        test=Split(
            327, excluded_prefixes=('snowstorm1_', 'snowstorm2_', 'driveway_',
                          'validation_'),
            hidden_labels=True, heatmap_folder='ObstacleTrack-all'))
