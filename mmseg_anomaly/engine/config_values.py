"""Check the values of a config that MMEngine or PyTorch would misread.

Classes of other libraries check little, late, or without naming the key: a
learning rate '1e-3x' ends in "can't multiply sequence". Arguments of our own
classes are checked where they are built.
"""
import difflib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from mmengine.config import Config
from mmengine.registry import OPTIMIZERS as MMENGINE_OPTIMIZERS
from mmseg.registry import OPTIMIZERS

from ..checks import check_flags, check_integer, check_number


def _check_optimizer(key: str, value: Any) -> None:
    if isinstance(value, str) and OPTIMIZERS.get(value) is None:
        known = sorted({**OPTIMIZERS.module_dict,
                        **MMENGINE_OPTIMIZERS.module_dict})
        similar = difflib.get_close_matches(value, known, 6) or known
        raise ValueError(f'`{key}` must be the name of an optimizer, got '
                         f'{value!r}; there are {", ".join(similar)}')


def _check_flag(key: str, value: Any) -> None:
    check_flags(**{key: value})


Check = Callable[[str, Any], None]

_count = partial(check_integer, low=1)
_not_negative = partial(check_number, low=0)

# a list, as of `param_scheduler`, is checked entry by entry
CHECKS: dict[str, Check] = {
    'train_cfg.max_iters': partial(_count, optional=True),
    'train_cfg.max_epochs': partial(_count, optional=True),
    'train_cfg.val_interval': _count,
    **{f'{phase}_dataloader.{name}': check
       for phase in ('train', 'val', 'test') for name, check in (
           ('batch_size', partial(_count, optional=True)),
           ('num_workers', partial(check_integer, low=0)),
           ('drop_last', _check_flag),
           ('persistent_workers', _check_flag))},
    'optim_wrapper.accumulative_counts': _count,
    'optim_wrapper.clip_grad.max_norm': partial(
        check_number, above=0, finite=False),
    'optim_wrapper.optimizer.type': _check_optimizer,
    'optim_wrapper.optimizer.lr': _not_negative,
    'optim_wrapper.optimizer.weight_decay': _not_negative,
    'param_scheduler.begin': partial(check_integer, low=0),
    'param_scheduler.end': partial(check_integer, low=1),
    'param_scheduler.by_epoch': _check_flag,
    'param_scheduler.power': check_number,
    'param_scheduler.start_factor': check_number,
    'param_scheduler.end_factor': check_number,
    'param_scheduler.eta_min': partial(check_number, optional=True),
    'default_hooks.checkpoint.interval': check_integer,
    'default_hooks.checkpoint.max_keep_ckpts': check_integer,
    'default_hooks.checkpoint.by_epoch': _check_flag,
    'default_hooks.logger.interval': _count,
    'randomness.seed': partial(check_integer, low=0, high=2**32 - 1,
                               optional=True),
}


def check_values(cfg: Config) -> None:
    """Check numbers and flags that other libraries take from a config.

    Args:
        cfg: A whole config; what it does not state is passed over.

    Raises:
        TypeError: If one is of another type; names the key and the value.
        ValueError: If one is out of range.
    """
    content = cfg.to_dict()
    for pattern, check in CHECKS.items():
        for key, value in _stated(content, pattern.split('.')):
            check(key, value)


def _stated(node: Any, levels: list[str], path: str = ''
            ) -> Iterator[tuple[str, Any]]:
    """Yield the values under a key, of each entry where there is a list."""
    if not levels:
        yield path, node
    elif isinstance(node, list | tuple):
        for number, each in enumerate(node):
            yield from _stated(each, levels, f'{path}.{number}')
    elif isinstance(node, Mapping) and levels[0] in node:
        yield from _stated(node[levels[0]], levels[1:],
                           f'{path}.{levels[0]}'.lstrip('.'))
