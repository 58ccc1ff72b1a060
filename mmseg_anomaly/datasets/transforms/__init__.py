"""Pipeline transforms and what they are made of."""
from .blending import OutlierBlending
from .loading import LoadCheckedAnnotations
from .outlier_paste import OutlierPaste
from .placement import UniformPlacement
from .resize_to_window import ResizeToWindow
from .road_placement import RoadPlacement
from .seed_sample import SeedSample

__all__ = [
    'LoadCheckedAnnotations', 'OutlierBlending', 'OutlierPaste',
    'ResizeToWindow', 'RoadPlacement', 'SeedSample', 'UniformPlacement'
]
