"""Checks of the arguments that losses have in common."""
from collections.abc import Sequence

from ...checks import check_number, check_order


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


def check_bounds(inlier_upper: float, outlier_lower: float,
                 loss: object) -> None:
    """Refuse bounds between which both kinds of pixels would cost.

    Raises:
        TypeError: If one is not a number.
        ValueError: If one is not finite or they are not in rising order.
    """
    check_order('inlier_upper', inlier_upper, 'outlier_lower', outlier_lower,
                equal=False, of=loss)
    check_number('inlier_upper', inlier_upper, of=loss)
    check_number('outlier_lower', outlier_lower, of=loss)
