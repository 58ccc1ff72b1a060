"""Decode heads."""
from .eomt_decode_head import EoMTDecodeHead
from .pixel_anomaly_head import PixelAnomalyHead

__all__ = ['EoMTDecodeHead', 'PixelAnomalyHead']
