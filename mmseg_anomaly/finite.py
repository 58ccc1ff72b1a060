"""Checks that numbers are finite: after NaN nothing that follows is true."""
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def all_finite(values: Tensor) -> bool:
    """Return whether a tensor holds neither NaN nor infinity.

    Integers always are finite.
    """
    if not values.is_floating_point():
        return True
    # one pass without a mask; only a sum that overflows needs the second
    return bool(values.sum(dtype=torch.float32).isfinite()
                or values.isfinite().all())


def check_finite_weights(weights: Mapping[str, Any], source: str) -> None:
    """Refuse weights that are not finite.

    An attention mask, which holds 0 and minus infinity only, may stay.

    Args:
        weights: Values by name; those that are no tensors are passed over.
        source: What to call it in an error.

    Raises:
        ValueError: If a value is NaN or infinite; names the tensors.
    """
    broken = [str(name) for name, value in weights.items()
              if isinstance(value, Tensor) and not all_finite(value)
              and not _is_attention_mask(value)]
    if broken:
        more = f' and {len(broken) - 3} more' if len(broken) > 3 else ''
        raise ValueError(
            f'{source} holds values that are not finite (NaN or infinity) in '
            f'{", ".join(broken[:3])}{more}: its training has diverged; use '
            'an earlier checkpoint')


def _is_attention_mask(values: Tensor) -> bool:
    zero = values == 0
    return bool(zero.any() and (zero | (values == -torch.inf)).all())
