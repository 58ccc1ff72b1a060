"""Pictures of anomaly maps."""
from .anomaly_visualizer import AnomalyLocalVisualizer

__all__ = ['AnomalyLocalVisualizer']
