"""Parameter schedulers."""
from .two_stage_warmup_poly_lr import TwoStageWarmupPolyLR

__all__ = ['TwoStageWarmupPolyLR']
