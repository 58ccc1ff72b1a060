"""Training: hooks, optimisers, schedulers, safe checkpoints."""
