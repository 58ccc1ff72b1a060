"""Decode heads."""
from .eomt_decode_head import EoMTDecodeHead

__all__ = ['EoMTDecodeHead']
