"""Change the classes of an EoMT.

Shape letters: K classes, D channels.
"""
import math
from collections.abc import Mapping, Sequence

import torch
from mmengine.logging import print_log

from .eomt_weights import EMPTY_WEIGHT, EoMTWeights


def check_names(known: Sequence[str], num_known: int) -> None:
    """Check that names are those of all classes of a checkpoint.

    Args:
        known: Names of the checkpoint's classes, empty if unknown.
        num_known: Number of the checkpoint's classes.

    Raises:
        ValueError: If there are more or fewer.
    """
    if known and len(known) != num_known:
        raise ValueError(f'there are names of {len(known)} classes, the '
                         f'checkpoint has {num_known}; give all in '
                         '--source-classes')


def match_classes(
        wanted: Sequence[str] | Mapping[str, str | int | None],
        known: Sequence[str],
        num_known: int) -> dict[str, int | None]:
    """Find out which class of a checkpoint each new class continues.

    Args:
        wanted: New names in order, each for a class of that name, or a dict
            of new names to the old name or index, None for a fresh start.
        known: Names of the checkpoint's classes, empty if unknown; see
            :func:`check_names`.
        num_known: Number of the checkpoint's classes.

    Returns:
        Index of the old class, or None, by new name.

    Raises:
        ValueError: If an old class is unknown, names are missing, or one is
            there twice.
    """
    if not isinstance(wanted, Mapping):
        twice = {name for name in wanted if wanted.count(name) > 1}
        if twice:
            raise ValueError('a class can be named once only, got twice: '
                             f'{", ".join(sorted(twice))}')
        if not known:
            raise ValueError('the checkpoint does not name its classes; '
                             'give --source-classes, or map new names to '
                             'indices in a JSON file')
        return {name: known.index(name) if name in known else None
                for name in wanted}
    matched = {}
    for name, old in wanted.items():
        if isinstance(old, str):
            if old not in known:
                raise ValueError(f'class {name!r} is to continue {old!r}, '
                                 'which the checkpoint does not have; it '
                                 f'has {", ".join(known) or "no names"}')
            old = known.index(old)
        if old is not None and not 0 <= old < num_known:
            raise ValueError(f'class {name!r} is to continue class {old}, '
                             f'but the checkpoint has {num_known} classes')
        matched[name] = old
    return matched


def change_classes(weights: EoMTWeights, sources: Mapping[str, int | None],
                   seed: int = 0) -> EoMTWeights:
    """Give the class head other classes.

    Rows of classes that continue are kept to the bit, and no-object always;
    others are initialised as PyTorch initialises a linear layer. So are the
    classes' weights in the loss, if they are carried along; new ones are 1.

    Args:
        weights: Any EoMT.
        sources: Index of the old class, None to start afresh, by new name.
        seed: For the new ones.

    Returns:
        An EoMT of ``len(sources)`` classes.
    """
    rows = [*sources.values(), weights.num_classes]
    kept = torch.tensor([row is not None for row in rows])
    indices = torch.tensor([row for row in rows if row is not None])
    extras = dict(weights.extras)
    head = dict(weights.head)
    bound = 1 / math.sqrt(head['class_head.weight'].shape[1])
    generator = torch.Generator().manual_seed(seed)
    for name in ('class_head.weight', 'class_head.bias'):
        old = head[name]
        fresh = torch.rand((len(rows), *old.shape[1:]), generator=generator)
        head[name] = (bound * (2 * fresh - 1)).to(old.dtype)
        head[name][kept] = old[indices]
    fresh_names = [name for name, row in sources.items() if row is None]
    gone = set(range(weights.num_classes)) - set(indices.tolist())
    print_log(
        f'classes: kept {int(kept.sum()) - 1} of {weights.num_classes} and '
        f'no-object; reinitialised {", ".join(fresh_names) or "none"}; '
        f'dropped {len(gone)}', logger='current')
    if EMPTY_WEIGHT in extras:
        old = extras[EMPTY_WEIGHT]
        extras[EMPTY_WEIGHT] = torch.ones(len(rows), dtype=old.dtype)
        extras[EMPTY_WEIGHT][kept] = old[indices]
        print_log(f'{EMPTY_WEIGHT}, the weights of the classes in the loss: '
                  'kept and dropped as the classes are, 1 for each '
                  'reinitialised', logger='current')
    return EoMTWeights(weights.vit, head, extras)
