"""Pipeline transforms that load, resize and seed samples."""
from .loading import LoadCheckedAnnotations
from .resize_to_window import ResizeToWindow
from .seed_sample import SeedSample

__all__ = ['LoadCheckedAnnotations', 'ResizeToWindow', 'SeedSample']
