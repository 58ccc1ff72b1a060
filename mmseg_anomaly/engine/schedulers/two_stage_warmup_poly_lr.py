"""A learning rate that wakes new parameters first, pretrained ones later."""
import logging

from mmengine.logging import print_log
from mmengine.optim import OptimWrapper, _ParamScheduler
from mmseg.registry import PARAM_SCHEDULERS
from torch.optim import Optimizer

from ...checks import check_flags, check_integer, check_number, check_numbers


def two_stage_factor(step: int, total_iters: int,
                     warmup_iters: tuple[int, int], power: float,
                     is_backbone: bool) -> float:
    """Return the share of the full rate at a step.

    New parameters warm up over the first stage, pretrained ones rest during
    it and warm up over the second; each then falls as
    ``(1 - (step - w) / (total - w))^power``, w the end of its warm-up.

    Args:
        step: Iterations done, >= 0.
        total_iters: Iterations in all; from there on the share is 0.
        warmup_iters: Lengths of the two stages.
        power: Exponent of the fall.
        is_backbone: Whether the parameter is pretrained.

    Returns:
        A share in [0, 1].
    """
    rest, warmup = warmup_iters if is_backbone else (0, warmup_iters[0])
    if step < rest:
        return 0.
    if step < rest + warmup:
        return (step - rest) / warmup
    start = rest + warmup
    done = (step - start) / max(1, total_iters - start)
    return max(0., 1 - done)**power


@PARAM_SCHEDULERS.register_module()
class TwoStageWarmupPolyLR(_ParamScheduler):
    """Warm up new parameters, then pretrained ones, and fall to zero.

    Groups whose flag ``is_backbone`` is true are pretrained, see
    ``EoMTOptimWrapperConstructor``; all others are new. The first iteration
    has rate 0.

    Args:
        optimizer: Optimiser or wrapper whose groups are scheduled.
        warmup_iters: Iterations of the two warm-up stages, >= 0. Shorten
            them with the training: as long as the first lasts, pretrained
            parameters do not move.
        power: Exponent of the fall, > 0.
        begin: First iteration that is scheduled.
        end: Iteration at which the rate would be 0.
        last_step: Iterations already scheduled, minus 1.
        by_epoch: Must be False, also in the config, where the runner reads
            it to find ``end``.
        verbose: Whether to log every value.

    Raises:
        ValueError: If ``warmup_iters`` or ``power`` is out of range or
            ``by_epoch`` is not False.

    Example:
        >>> param_scheduler=[
        ...     dict(type='TwoStageWarmupPolyLR', warmup_iters=(500, 1000),
        ...          power=0.9, begin=0, end=20000, by_epoch=False)]

    Source: ``TwoStageWarmupPolySchedule`` of tue-mps/eomt@7bd19dd (MIT);
    differs: steps past the end have rate 0 where the original turns complex.
    """

    eta_min = 0.  # the rate at `end`, by the name MMEngine has for it

    def __init__(self,
                 optimizer: Optimizer | OptimWrapper,
                 warmup_iters: tuple[int, int] = (500, 1000),
                 power: float = 0.9,
                 *,
                 end: int,
                 begin: int = 0,
                 last_step: int = -1,
                 by_epoch: bool = True,
                 verbose: bool = False) -> None:
        _check_arguments(warmup_iters, power, by_epoch)
        check_integer('begin', begin, low=0, of=self)
        check_integer('end', end, above=begin, of=self)
        check_integer('last_step', last_step, low=-1, of=self)
        check_flags(self, verbose=verbose)
        self.warmup_iters = tuple(warmup_iters)
        self.power = power
        self.total_iters = end - begin
        if sum(warmup_iters) >= self.total_iters:
            print_log(
                f'`warmup_iters` {self.warmup_iters} fill all '
                f'{self.total_iters} iterations: pretrained parameters never '
                'reach their full rate', 'current', logging.WARNING)
        super().__init__(
            optimizer,
            'lr',
            begin=begin,
            end=end,
            last_step=last_step,
            by_epoch=by_epoch,
            verbose=verbose)

    def _get_value(self) -> list[float]:
        # MMEngine's wrapper adds a group of its own, without our flag.
        return [
            base * two_stage_factor(self.last_step, self.total_iters,
                                    self.warmup_iters, self.power,
                                    group.get('is_backbone', False))
            for base, group in zip(
                self.base_values, self.optimizer.param_groups, strict=True)
        ]


def _check_arguments(warmup_iters: tuple[int, int], power: float,
                     by_epoch: bool) -> None:
    check_numbers('warmup_iters', warmup_iters, length=2, kind=int,
                  low=0)
    check_number('power', power, above=0)
    check_flags(by_epoch=by_epoch)
    if by_epoch:
        raise ValueError('TwoStageWarmupPolyLR counts iterations: state '
                         '`by_epoch=False`, got True')
