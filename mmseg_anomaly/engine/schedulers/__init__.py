"""Parameter schedulers."""
