"""The version of mmseg_anomaly, which a build reads without importing it."""
__version__ = '0.1.0'
