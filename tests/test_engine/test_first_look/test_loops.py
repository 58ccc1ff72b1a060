import pytest
from mmengine.dataset import DefaultSampler
from mmengine.runner import (
    EpochBasedTrainLoop,
    IterBasedTrainLoop,
    TestLoop,
    ValLoop,
)
from test_engine.test_first_look.looks import Part, a_loader, part

from mmseg_anomaly.datasets import SeededEpochSampler, SeededInfiniteSampler
from mmseg_anomaly.engine.first_look import Look
from mmseg_anomaly.engine.first_look.loops import unfit_loop


def look(kind, sampler, phase='train', length=3, **lengths):
    """A loop as its constructor leaves it, without a runner."""
    loop = kind.__new__(kind)
    loop.dataloader = a_loader(range(7), sampler, length)
    settings = dict(max_iters=5, max_epochs=5, val_interval=1) | lengths
    for name, value in settings.items():
        setattr(loop, name if name == 'val_interval' else f'_{name}', value)
    return Look(phase, loop, Part())


def endless():
    return SeededInfiniteSampler(range(4), seed=0)


@pytest.mark.parametrize('sampler', [endless(), part(is_endless=True)])
@pytest.mark.parametrize(('kind', 'phase'), [
    (EpochBasedTrainLoop, 'train'), (ValLoop, 'val'), (TestLoop, 'test')])
def test_loop_that_waits__needs_an_end(kind, phase, sampler):
    problem = unfit_loop(look(kind, sampler, phase))
    assert f'`{phase}_cfg.type` {kind.__name__}' in problem
    assert (f'`{phase}_dataloader.sampler.type` {type(sampler).__name__}'
            in problem)


@pytest.mark.parametrize(('kind', 'sampler'), [
    (IterBasedTrainLoop, endless()),
    (IterBasedTrainLoop, DefaultSampler(range(4), seed=0)),
    (EpochBasedTrainLoop, SeededEpochSampler(range(4), seed=0)),
    (EpochBasedTrainLoop, part(is_endless=False)),
])
def test_loops__that_fit(kind, sampler):
    assert unfit_loop(look(kind, sampler)) is None


@pytest.mark.parametrize('value', [0, -3])
@pytest.mark.parametrize(('kind', 'name'), [
    (IterBasedTrainLoop, 'max_iters'), (EpochBasedTrainLoop, 'max_epochs'),
    (IterBasedTrainLoop, 'val_interval')])
def test_length__that_trains_nothing_is_refused(kind, name, value):
    problem = unfit_loop(look(kind, SeededEpochSampler(range(4), seed=0),
                              **{name: value}))
    assert f'`train_cfg.{name}` must be at least 1, got {value}' in problem


def test_loader_without_a_batch__is_refused():
    problem = unfit_loop(look(EpochBasedTrainLoop,
                              DefaultSampler(range(4), seed=0), length=0))
    assert '`train_dataloader` gives no batch' in problem and ' 7 ' in problem
    assert unfit_loop(look(IterBasedTrainLoop, endless(), length=0)) is None


@pytest.mark.parametrize('value', ['two', 2.5, None, True])
def test_length__that_is_not_an_integer(value):
    with pytest.raises(TypeError, match='`train_cfg.val_interval` must be an '
                       'integer, got'):
        unfit_loop(look(IterBasedTrainLoop, endless(), val_interval=value))
