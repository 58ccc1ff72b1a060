"""Datasets, what can be pasted onto them, and transforms."""
from . import outliers, transforms
from .camvid import CamVidDataset
from .static_anomaly import StaticAnomalyDataset
from .synthetic_roads import SyntheticRoadsDataset

__all__ = [
    'CamVidDataset', 'StaticAnomalyDataset', 'SyntheticRoadsDataset',
    'outliers', 'transforms'
]
