"""Public test sets with labelled anomalies, one class each."""
from .catalog import find_benchmarks
from .fishyscapes import (
    FishyscapesLostAndFoundDataset,
    FishyscapesStaticDataset,
)
from .lost_and_found import LostAndFoundDataset
from .road_anomaly import RoadAnomalyDataset
from .smiyc import RoadAnomaly21Dataset, RoadObstacle21Dataset
from .static_anomaly import StaticAnomalyDataset
from .street_hazards import StreetHazardsDataset

__all__ = [
    'FishyscapesLostAndFoundDataset', 'FishyscapesStaticDataset',
    'LostAndFoundDataset', 'RoadAnomaly21Dataset', 'RoadAnomalyDataset',
    'RoadObstacle21Dataset', 'StaticAnomalyDataset', 'StreetHazardsDataset',
    'find_benchmarks'
]
