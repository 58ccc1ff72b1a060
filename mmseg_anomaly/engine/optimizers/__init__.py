"""Optimiser constructors and wrappers."""
from .device_amp_optim_wrapper import DeviceAmpOptimWrapper
from .eomt_optim_wrapper_constructor import EoMTOptimWrapperConstructor

__all__ = ['DeviceAmpOptimWrapper', 'EoMTOptimWrapperConstructor']
