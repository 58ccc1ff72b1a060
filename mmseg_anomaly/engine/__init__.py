"""Training: hooks, optimisers, schedulers, safe checkpoints."""
from . import hooks, optimizers, schedulers  # noqa: F401
from .checkpoint import load_from_local, load_state_dict_strictly
from .runner import AnomalyRunner

__all__ = ['AnomalyRunner', 'load_from_local', 'load_state_dict_strictly']
