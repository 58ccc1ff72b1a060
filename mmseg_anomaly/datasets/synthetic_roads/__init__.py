"""A generated road world: data for the quick start, without a download."""
from .dataset import SyntheticRoadsDataset

__all__ = ['SyntheticRoadsDataset']
