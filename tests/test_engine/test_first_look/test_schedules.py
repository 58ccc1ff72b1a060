import pytest
import torch
from mmengine.optim import (
    CosineAnnealingLR,
    LinearLR,
    MultiStepLR,
    PolyLR,
    ReduceOnPlateauLR,
)
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop
from test_engine.test_first_look.looks import Part, part

from mmseg_anomaly.engine.first_look import Look
from mmseg_anomaly.engine.first_look.schedules import idle_end, unfit_schedule
from mmseg_anomaly.engine.schedulers import TwoStageWarmupPolyLR


def look(*schedules, kind=IterBasedTrainLoop, max_iters=1000):
    loop = kind.__new__(kind)
    loop._max_iters = max_iters
    optimizer = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=1.)
    built = [make(optimizer, **{'by_epoch': False, **settings})
             for make, settings in schedules]
    loop._runner = part(param_schedulers=built)
    return Look('train', loop, Part())


WARMUP = (LinearLR, dict(end=40, start_factor=0.1))


@pytest.mark.parametrize('last', [
    (PolyLR, dict(begin=40, end=500)),
    (CosineAnnealingLR, dict(begin=40, end=500, T_max=460)),
    (TwoStageWarmupPolyLR, dict(warmup_iters=(5, 5), end=500)),
])
def test_rate__that_is_zero_before_the_end(last):
    problem = idle_end(look(WARMUP, last))
    assert ('`param_scheduler.1.end` is 500 and `train_cfg.max_iters` 1000'
            in problem)
    assert idle_end(look(WARMUP, last, max_iters=500)) is None


@pytest.mark.parametrize('schedules', [
    (), (WARMUP,), (WARMUP, (PolyLR, dict(begin=40, end=1000))),
    (WARMUP, (PolyLR, dict(begin=40, end=995))),
    (WARMUP, (PolyLR, dict(begin=40, end=2000))),
    (WARMUP, (PolyLR, dict(begin=40, end=500, eta_min=1e-4))),
    ((PolyLR, dict(end=500)), (LinearLR, dict(begin=500, end=1000))),
    ((MultiStepLR, dict(milestones=[100])),),
    ((ReduceOnPlateauLR, dict(monitor='mIoU', by_epoch=True)),),
])
def test_schedules__that_fit(schedules):
    assert unfit_schedule(look(*schedules)) is None
    assert idle_end(look(*schedules)) is None


def test_epochs__never_come_in_a_loop_of_iterations():
    epochs = (PolyLR, dict(end=1000, by_epoch=True))
    problem = unfit_schedule(look(WARMUP, epochs))
    assert '`param_scheduler.1.by_epoch` is True' in problem
    assert 'IterBasedTrainLoop has no epochs' in problem
    assert unfit_schedule(look(epochs, kind=EpochBasedTrainLoop)) is None
