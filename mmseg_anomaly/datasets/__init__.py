"""Datasets, what can be pasted onto them, and transforms."""
from . import outliers, transforms
from .camvid import CamVidDataset

__all__ = ['CamVidDataset', 'outliers', 'transforms']
