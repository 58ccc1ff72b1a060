"""Windows over a test image, and the way back to its original size."""
