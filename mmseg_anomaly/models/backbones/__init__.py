"""Backbones."""
from .eomt_vit import EoMTViT

__all__ = ['EoMTViT']
