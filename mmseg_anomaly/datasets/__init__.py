"""Datasets, what can be pasted onto them, and transforms."""
