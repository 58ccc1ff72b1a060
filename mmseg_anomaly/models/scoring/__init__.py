"""Evidence about each pixel, and the scores made from it."""
from . import scorers  # noqa: F401
