"""Learning rates are scheduled to the end of the training."""
from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from mmengine.optim import ReduceOnPlateauParamScheduler, _ParamScheduler
from mmengine.runner import IterBasedTrainLoop, Runner

from .look import Look

_MAY_REST = 0.01  # share of a training


@runtime_checkable
class _FallsToMinimum(Protocol):  # PolyLR, CosineAnnealingLR

    eta_min: float | None


def unfit_schedule(look: Look) -> str | None:
    """Compare the schedules of the learning rate with a loop of iterations.

    A rate stays as it is at the `end` of the last schedule. Resuming takes
    the schedules of the checkpoint, whatever the config says.
    """
    if not isinstance(look.loop, IterBasedTrainLoop):
        return None
    schedules = list(_schedules(look.loop.runner))
    for key, schedule in schedules:
        if schedule.by_epoch and not isinstance(
                schedule, ReduceOnPlateauParamScheduler):
            return (f'`{key}.by_epoch` is True, and `train_cfg.type` '
                    f'{type(look.loop).__name__} has no epochs: the rate '
                    'would never change; set `by_epoch=False` and `begin` '
                    'and `end` in iterations')
    if not schedules:
        return None
    key, last = max(schedules, key=lambda each: each[1].end)
    iters = look.loop.max_iters
    falls_to_zero = isinstance(last, _FallsToMinimum) and last.eta_min == 0
    if not falls_to_zero or iters - last.end <= _MAY_REST * iters:
        return None
    return (f'`{key}.end` is {last.end} and `train_cfg.max_iters` {iters}: '
            'the learning rate would be 0 from there on; make them equal, or '
            'set an `eta_min`. Where a training is resumed its checkpoint '
            'says `end`: --resume-weights-only starts a new schedule')


def _schedules(runner: Runner) -> Iterator[tuple[str, _ParamScheduler]]:
    """Yield the schedules of learning rates by their config keys."""
    built = runner.param_schedulers or []
    groups = built if isinstance(built, dict) else {'': built}
    for name, schedules in groups.items():
        for number, schedule in enumerate(schedules):
            if schedule.param_name == 'lr':
                place = f'{name}.{number}' if name else number
                yield f'param_scheduler.{place}', schedule
