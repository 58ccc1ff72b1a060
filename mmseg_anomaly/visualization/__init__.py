"""Drawing of anomaly maps."""
