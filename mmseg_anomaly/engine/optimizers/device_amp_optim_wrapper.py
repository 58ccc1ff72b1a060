"""Mixed precision on whatever device there is."""
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmseg.registry import OPTIM_WRAPPERS
from torch.amp import GradScaler

from ...checks import check_number

DTYPES = {'float16': torch.float16, 'bfloat16': torch.bfloat16}


def get_amp_dtype(device: str, dtype: str | None = None) -> torch.dtype:
    """Type that autocast computes in.

    Args:
        device: 'cpu', 'cuda' and so on.
        dtype: 'float16' or 'bfloat16'; None takes the device's usual one.

    Raises:
        ValueError: If there is no such type, or the CPU does not have it.
    """
    if dtype is None:
        return torch.bfloat16 if device == 'cpu' else torch.float16
    if dtype not in DTYPES:
        raise ValueError(
            f'`dtype` must be one of {tuple(DTYPES)}, got {dtype!r}.')
    if device == 'cpu' and dtype == 'float16':
        raise ValueError(
            '`dtype` must be "bfloat16" or None on the CPU, got "float16", '
            'which has no autocast there.')
    return DTYPES[dtype]


@OPTIM_WRAPPERS.register_module()
class DeviceAmpOptimWrapper(AmpOptimWrapper):
    """MMEngine's AmpOptimWrapper, which refuses a CPU, for any device.

    bfloat16 has the exponent range of float32, so only float16 scales the
    loss. `--amp` of the tools chooses this wrapper::

        optim_wrapper = dict(
            type='DeviceAmpOptimWrapper', dtype='bfloat16',
            optimizer=dict(type='AdamW', lr=1e-4))

    Args:
        loss_scale: 'dynamic', a fixed scale, or arguments of `GradScaler`.
        dtype: 'float16' or 'bfloat16'. None: bfloat16 on the CPU, float16
            elsewhere.
        **kwargs: Arguments of `OptimWrapper`.

    Raises:
        ValueError: If the device has no such type.
        TypeError: If `loss_scale` is none of the above.
    """

    def __init__(self,
                 loss_scale: str | float | dict[str, Any] = 'dynamic',
                 dtype: str | None = None,
                 **kwargs: Any) -> None:
        # AmpOptimWrapper.__init__ is what refuses the CPU.
        OptimWrapper.__init__(self, **kwargs)
        device = get_device()
        self.cast_dtype = get_amp_dtype(device, dtype)
        self._scale_update_param = None
        scaler_cfg = {}
        if isinstance(loss_scale, float):
            check_number('loss_scale', loss_scale, above=0, of=self)
            self._scale_update_param = loss_scale
            scaler_cfg = dict(init_scale=loss_scale)
        elif isinstance(loss_scale, dict):
            scaler_cfg = dict(loss_scale)
        elif loss_scale != 'dynamic':
            raise TypeError(
                '`loss_scale` must be "dynamic", a float or a dict, got '
                f'{loss_scale!r}.')
        scaler_cfg['enabled'] = self.cast_dtype == torch.float16
        self.loss_scaler = GradScaler(device, **scaler_cfg)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load the optimizer's state, and the scaler's where it has one.

        A checkpoint of a bfloat16 run carries an empty scaler.
        """
        state_dict = dict(state_dict)
        if not state_dict.get('loss_scaler'):
            state_dict.pop('loss_scaler', None)
        super().load_state_dict(state_dict)
