"""Datasets, what can be pasted onto them, and transforms."""
from . import outliers, transforms
from .camvid import CamVidDataset
from .static_anomaly import StaticAnomalyDataset

__all__ = ['CamVidDataset', 'StaticAnomalyDataset', 'outliers', 'transforms']
