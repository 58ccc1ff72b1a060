"""Learning rates are scheduled to the end of the training."""
from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from mmengine.optim import ReduceOnPlateauParamScheduler, _ParamScheduler
from mmengine.runner import IterBasedTrainLoop

from .look import Look

_MAY_REST = 0.01  # share of a training


@runtime_checkable
class _FallsToMinimum(Protocol):  # PolyLR, CosineAnnealingLR

    eta_min: float | None


def unfit_schedule(look: Look) -> str | None:
    """Look for schedules that count epochs in a loop of iterations."""
    for key, schedule in _schedules(look):
        if schedule.by_epoch and not isinstance(
                schedule, ReduceOnPlateauParamScheduler):
            return (f'`{key}.by_epoch` is True, and `train_cfg.type` '
                    f'{type(look.loop).__name__} has no epochs: the rate '
                    'would never change; set `by_epoch=False` and `begin` '
                    'and `end` in iterations')
    return None


def idle_end(look: Look) -> str | None:
    """Look for a rate that is 0 long before the end of the training.

    A rate stays as it is at the `end` of the last schedule. Resuming takes
    the schedules of the checkpoint, whatever the config says.
    """
    schedules = list(_schedules(look))
    if not schedules:
        return None
    key, last = max(schedules, key=lambda each: each[1].end)
    iters = look.loop.max_iters
    falls_to_zero = isinstance(last, _FallsToMinimum) and last.eta_min == 0
    if not falls_to_zero or iters - last.end <= _MAY_REST * iters:
        return None
    return (f'`{key}.end` is {last.end} and `train_cfg.max_iters` {iters}: '
            'the learning rate is 0 from there on; make them equal, or '
            'set an `eta_min`. Where a training is resumed its checkpoint '
            'says `end`: --resume-weights-only starts a new schedule')


def _schedules(look: Look) -> Iterator[tuple[str, _ParamScheduler]]:
    """Yield a loop of iterations' schedules of rates by their config keys."""
    if not isinstance(look.loop, IterBasedTrainLoop):
        return
    built = look.loop.runner.param_schedulers or []
    groups = built if isinstance(built, dict) else {'': built}
    for name, schedules in groups.items():
        for number, schedule in enumerate(schedules):
            if schedule.param_name == 'lr':
                place = f'{name}.{number}' if name else number
                yield f'param_scheduler.{place}', schedule
