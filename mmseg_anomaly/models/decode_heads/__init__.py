"""Decode heads."""
from .eomt_decode_head import EoMTDecodeHead
from .erfnet_deconv_head import ERFNetDeconvHead
from .pixel_anomaly_head import PixelAnomalyHead

__all__ = ['ERFNetDeconvHead', 'EoMTDecodeHead', 'PixelAnomalyHead']
