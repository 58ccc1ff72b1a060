"""Checks of the arguments that losses have in common."""
import math
from collections.abc import Sequence


def check_loss_names(argument: str, names: Sequence[str],
                     taken: Sequence[str] = ()) -> None:
    """Refuse names under which a loss would get lost.

    Args:
        argument: Name of the list of losses, for the error.
        names: The ``loss_name`` of each loss.
        taken: Names of other losses in the same log.

    Raises:
        ValueError: If two names are equal, or one lacks 'loss': MMEngine
            trains on losses of such names only.
    """
    if len({*names, *taken}) < len(names) + len(taken):
        others = f', none of them {" or ".join(taken)}' if taken else ''
        raise ValueError(f'`{argument}` need different values of '
                         f'`loss_name`{others}, got {list(names)}')
    silent = [name for name in names if 'loss' not in name]
    if silent:
        raise ValueError(
            f"each `loss_name` of `{argument}` must contain 'loss', else it "
            f'is logged and not trained on; got {silent}')


def check_temperature(temperature: float, name: str) -> None:
    """Refuse a temperature that divides by zero or turns a sign.

    Raises:
        ValueError: If it is not positive and finite.
    """
    if not 0 < temperature < math.inf:
        raise ValueError(f'`temperature` of {name} must be positive, got '
                         f'{temperature}')


def check_loss_weight(loss_weight: float, name: str) -> None:
    """Refuse a weight that rewards what should cost.

    Raises:
        ValueError: If it is negative or not finite.
    """
    if not 0 <= loss_weight < math.inf:
        raise ValueError(f'`loss_weight` of {name} must be at least 0, got '
                         f'{loss_weight}')


def check_bounds(inlier_upper: float, outlier_lower: float,
                 name: str) -> None:
    """Refuse bounds between which both kinds of pixels would cost.

    Raises:
        ValueError: If they are not in rising order.
    """
    if not inlier_upper < outlier_lower:  # nan is refused, too
        raise ValueError(
            f'`inlier_upper` of {name} must be below `outlier_lower`, got '
            f'{inlier_upper} and {outlier_lower}')
