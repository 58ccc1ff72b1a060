"""Optimiser constructors and wrappers."""
