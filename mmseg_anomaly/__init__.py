"""A plugin for MMSegmentation that finds what does not belong in a scene.

Importing the package registers every part into MMSeg's own registries.
"""
from ._compatibility import require_compatible_versions

# Before anything imports the libraries it asks about.
require_compatible_versions()

from ._quiet import quiet_imports  # noqa: E402

with quiet_imports():
    from . import datasets, engine, evaluation, models, visualization  # noqa: F401, I001
from .version import __version__  # noqa: E402

__all__ = ['__version__']
