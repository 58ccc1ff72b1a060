"""Datasets, what can be pasted onto them, and transforms."""
from . import outliers, transforms
from .camvid import CamVidDataset
from .fishyscapes import (
    FishyscapesLostAndFoundDataset,
    FishyscapesStaticDataset,
)
from .lost_and_found import LostAndFoundDataset
from .road_anomaly import RoadAnomalyDataset
from .samplers import SeededInfiniteSampler
from .smiyc import RoadAnomaly21Dataset, RoadObstacle21Dataset
from .static_anomaly import StaticAnomalyDataset
from .street_hazards import StreetHazardsDataset
from .synthetic_roads import SyntheticRoadsDataset

__all__ = [
    'CamVidDataset', 'FishyscapesLostAndFoundDataset',
    'FishyscapesStaticDataset', 'LostAndFoundDataset', 'RoadAnomaly21Dataset',
    'RoadAnomalyDataset', 'RoadObstacle21Dataset', 'SeededInfiniteSampler',
    'StaticAnomalyDataset', 'StreetHazardsDataset', 'SyntheticRoadsDataset',
    'outliers', 'transforms'
]
