"""Sources of cut-out objects that can be pasted."""
from .coco import CocoOutliers
from .cutout import Cutout

__all__ = ['CocoOutliers', 'Cutout']
