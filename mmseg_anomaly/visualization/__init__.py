"""Pictures of anomaly maps."""
from . import any_channels  # noqa: F401
from .anomaly_visualizer import AnomalyLocalVisualizer
from .local_backend import LocalVisBackend

__all__ = ['AnomalyLocalVisualizer', 'LocalVisBackend']
