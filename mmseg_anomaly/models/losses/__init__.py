"""Losses."""
from .binary_outlier_loss import BinaryOutlierLoss
from .eim_loss import EIMLoss
from .energy_hinge_loss import EnergyHingeLoss
from .isomax_plus import IsoMaxPlusClassifier
from .mask_classification_loss import MaskClassificationLoss
from .outlier_uniformity_loss import OutlierUniformityLoss
from .rba_loss import RbALoss

__all__ = [
    'BinaryOutlierLoss', 'EIMLoss', 'EnergyHingeLoss', 'IsoMaxPlusClassifier',
    'MaskClassificationLoss', 'OutlierUniformityLoss', 'RbALoss'
]
