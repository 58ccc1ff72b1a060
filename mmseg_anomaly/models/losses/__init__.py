"""Losses."""
from .eim_loss import EIMLoss
from .mask_classification_loss import MaskClassificationLoss

__all__ = ['EIMLoss', 'MaskClassificationLoss']
