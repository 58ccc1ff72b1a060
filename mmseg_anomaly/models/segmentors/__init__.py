"""Segmentors."""
from .slide_inference_with_stitch import SlideInferenceWithStitch

__all__ = ['SlideInferenceWithStitch']
