"""Outlier exposure: choose a cut-out, place it, blend it, label it."""
from .blending import OutlierBlending
from .outlier_paste import OutlierPaste
from .placement import UniformPlacement
from .road_placement import RoadPlacement

__all__ = [
    'OutlierBlending', 'OutlierPaste', 'RoadPlacement', 'UniformPlacement'
]
