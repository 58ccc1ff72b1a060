"""Sources of cut-out objects that can be pasted."""
from .coco import CocoOutliers
from .cutout import Cutout
from .folder import FolderOutliers
from .image_files import BrokenImageError
from .mixed import MixedOutliers
from .packed import PackedOutliers
from .source import OutlierSource
from .synthetic import SyntheticOutliers

__all__ = [
    'BrokenImageError', 'CocoOutliers', 'Cutout', 'FolderOutliers',
    'MixedOutliers', 'OutlierSource', 'PackedOutliers', 'SyntheticOutliers'
]
