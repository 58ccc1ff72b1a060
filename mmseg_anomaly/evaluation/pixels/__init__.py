"""Ranking metrics of pixels in pure NumPy, exact and in constant memory."""
