"""A loop trains something, and its sampler lets it end."""
from typing import Any, Protocol, runtime_checkable

from mmengine.dataset import InfiniteSampler
from mmengine.runner import (
    EpochBasedTrainLoop,
    IterBasedTrainLoop,
    TestLoop,
    ValLoop,
)
from mmengine.runner.base_loop import BaseLoop

from ...checks import check_integer
from .look import Look

_WAITS_FOR_THE_END = (EpochBasedTrainLoop, ValLoop, TestLoop)


@runtime_checkable
class Endless(Protocol):
    """A sampler of your own that says whether it ever ends."""

    is_endless: bool


def unfit_loop(look: Look) -> str | None:
    """Compare a loop with its sampler and look at its lengths."""
    lengths = _lengths(look.loop)
    for name, value in lengths.items():
        check_integer(name, value, of='train_cfg')
        if value < 1:
            return (f'`train_cfg.{name}` must be at least 1, got {value}: '
                    'nothing would be trained')
    loader = f'{look.phase}_dataloader'
    sampler = look.loop.dataloader.sampler
    if not _is_endless(sampler):
        return None if len(look.loop.dataloader) else (
            f'`{loader}` gives no batch: its dataset has '
            f'{len(look.loop.dataloader.dataset)} images, `batch_size` is '
            f'{look.loop.dataloader.batch_size} and `drop_last` '
            f'{look.loop.dataloader.drop_last}')
    if not isinstance(look.loop, _WAITS_FOR_THE_END):
        return None
    remedy = ('SeededEpochSampler, or IterBasedTrainLoop as `train_cfg.type`'
              if look.phase == 'train' else 'DefaultSampler')
    return (f'`{look.phase}_cfg.type` {type(look.loop).__name__} waits for '
            f'the end of an epoch, and `{loader}.sampler.type` '
            f'{type(sampler).__name__} never ends: use {remedy}')


def _lengths(loop: BaseLoop) -> dict[str, int]:
    """How long a loop of MMEngine trains, and how often it validates."""
    if isinstance(loop, EpochBasedTrainLoop):
        length = dict(max_epochs=loop.max_epochs)
    elif isinstance(loop, IterBasedTrainLoop):
        length = dict(max_iters=loop.max_iters)
    else:
        return {}
    return {**length, 'val_interval': loop.val_interval}


def _is_endless(sampler: Any) -> bool:
    if isinstance(sampler, Endless):
        return sampler.is_endless
    return isinstance(sampler, InfiniteSampler)
