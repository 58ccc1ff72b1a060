"""Pipeline transforms that load, resize and seed samples."""
from .load_picture import LoadImageFromFile, LoadPicture
from .loading import LoadCheckedAnnotations
from .resize_to_window import ResizeToWindow
from .seed_sample import SeedSample

__all__ = ['LoadCheckedAnnotations', 'LoadImageFromFile', 'LoadPicture',
           'ResizeToWindow', 'SeedSample']
