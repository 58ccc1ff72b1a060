"""A plugin for MMSegmentation that finds what does not belong in a scene.

Importing the package registers every part into MMSeg's own registries.
"""
from . import datasets, engine, evaluation, models, visualization  # noqa: F401
from .version import __version__

__all__ = ['__version__']
