"""Checkpoints of other code by the names that the models here have.

Pure functions on state dicts; the tools in ``tools/model_converters`` only
read, call them and write.
"""
from .checkpoint_files import read_checkpoint, write_checkpoint
from .classes import change_classes, match_classes
from .eomt_weights import EoMTWeights, check_complete, from_ours, to_ours
from .hugging_face import from_hugging_face, to_hugging_face
from .original_eomt import from_original, to_original
from .original_erfnet import from_original_erfnet
from .resampling import change_sizes
from .weight_differences import add_backbone, holds_differences

__all__ = [
    'EoMTWeights', 'add_backbone', 'change_classes', 'change_sizes',
    'check_complete', 'from_hugging_face', 'from_original',
    'from_original_erfnet', 'from_ours', 'holds_differences',
    'match_classes', 'read_checkpoint', 'to_hugging_face', 'to_original',
    'to_ours', 'write_checkpoint'
]
