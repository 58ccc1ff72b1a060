"""Models, scorers and losses."""
from . import backbones, decode_heads, losses, segmentors  # noqa: F401
