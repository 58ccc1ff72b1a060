"""Hooks."""
from .anomaly_visualization_hook import AnomalyVisualizationHook
from .attach_head_hook import AttachHeadHook
from .attn_mask_annealing_hook import AttnMaskAnnealingHook
from .finite_hook import FiniteHook
from .first_look_hook import FirstLookHook
from .heatmap_hook import HeatmapHook
from .output_names_hook import OutputNamesHook
from .seed_iteration_hook import SeedIterationHook
from .strict_checkpoint_hook import StrictCheckpointHook

__all__ = [
    'AnomalyVisualizationHook', 'AttachHeadHook', 'AttnMaskAnnealingHook',
    'FiniteHook', 'FirstLookHook', 'HeatmapHook', 'OutputNamesHook',
    'SeedIterationHook', 'StrictCheckpointHook'
]
