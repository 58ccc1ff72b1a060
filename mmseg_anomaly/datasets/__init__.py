"""Datasets, sources of objects to paste, and transforms."""
from . import outliers, paste, transforms
from .benchmarks import (
    FishyscapesLostAndFoundDataset,
    FishyscapesStaticDataset,
    LostAndFoundDataset,
    RoadAnomaly21Dataset,
    RoadAnomalyDataset,
    RoadObstacle21Dataset,
    StaticAnomalyDataset,
    StreetHazardsDataset,
)
from .camvid import CamVidDataset
from .samplers import SeededEpochSampler, SeededInfiniteSampler
from .synthetic_roads import SyntheticRoadsDataset

__all__ = [
    'CamVidDataset', 'FishyscapesLostAndFoundDataset',
    'FishyscapesStaticDataset', 'LostAndFoundDataset', 'RoadAnomaly21Dataset',
    'RoadAnomalyDataset', 'RoadObstacle21Dataset', 'SeededEpochSampler',
    'SeededInfiniteSampler', 'StaticAnomalyDataset', 'StreetHazardsDataset',
    'SyntheticRoadsDataset', 'outliers', 'paste', 'transforms'
]
