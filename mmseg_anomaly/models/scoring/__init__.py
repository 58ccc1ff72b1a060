"""Evidence of what queries propose, and the scores made from it."""
from . import scorers  # noqa: F401
