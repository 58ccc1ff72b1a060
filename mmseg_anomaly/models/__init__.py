"""Models, scorers and losses."""
from . import backbones, decode_heads, losses, scorers, segmentors  # noqa: F401
