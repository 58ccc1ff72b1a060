"""The renderer of the generated road world that the quick start learns."""
