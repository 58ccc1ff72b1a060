"""Pictures of anomaly maps."""
from .anomaly_visualizer import AnomalyLocalVisualizer
from .local_backend import LocalVisBackend

__all__ = ['AnomalyLocalVisualizer', 'LocalVisBackend']
