"""Pipeline transforms."""
from .loading import LoadCheckedAnnotations
from .outlier_paste import OutlierPaste
from .resize_to_window import ResizeToWindow

__all__ = ['LoadCheckedAnnotations', 'OutlierPaste', 'ResizeToWindow']
