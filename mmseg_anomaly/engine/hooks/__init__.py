"""Hooks."""
from .attn_mask_annealing_hook import AttnMaskAnnealingHook
from .strict_checkpoint_hook import StrictCheckpointHook

__all__ = ['AttnMaskAnnealingHook', 'StrictCheckpointHook']
