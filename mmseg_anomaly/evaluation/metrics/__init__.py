"""The metrics that configs name."""
