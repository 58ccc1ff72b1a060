"""Segmentors."""
from .anomaly_tta_model import AnomalyTTAModel
from .slide_inference_with_stitch import SlideInferenceWithStitch

__all__ = ['AnomalyTTAModel', 'SlideInferenceWithStitch']
