"""Models, scorers and losses."""
from . import backbones, decode_heads, losses, scoring, segmentors  # noqa: F401
