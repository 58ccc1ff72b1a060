"""Trainings of one weight, whose data, order and losses are random."""
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner

from mmseg_anomaly.engine.hooks import SeedIterationHook
from mmseg_anomaly.safe_loading import load_from_local

BY_EPOCH = dict(by_epoch=True, max_epochs=3)
BY_ITERATION = dict(by_epoch=False, max_iters=6)


class Noise(BaseModel):
    """One weight, pulled to the input and to chance."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, inputs, mode):
        chance = torch.rand(1) + np.random.rand() + random.random()
        return dict(loss=(self.weight * (chance + inputs)).sum())


class Numbers(torch.utils.data.Dataset):
    """Two numbers that change with every visit."""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        chance = random.random() + np.random.rand() + torch.rand(())
        return dict(inputs=index + chance.float())


class UseRandomState(Hook):
    """What validation, pictures and the like may do to the random state."""

    def after_train_iter(self, runner, *args, **kwargs):
        for _ in range(random.randint(1, 9)):
            torch.rand(1), np.random.rand()


@pytest.fixture
def train(tmp_path):
    number = 0

    def train(name, train_cfg, sampler, load_from=None):
        nonlocal number
        number += 1
        runner = Runner(
            Noise(), str(tmp_path / name),
            train_dataloader=dict(
                dataset=Numbers(), sampler=sampler,
                collate_fn=dict(type='default_collate')),
            train_cfg=dict(train_cfg), load_from=load_from,
            resume=load_from is not None, randomness=dict(seed=7),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=1.)),
            default_hooks=dict(checkpoint=dict(
                type='CheckpointHook', interval=1,
                by_epoch=train_cfg['by_epoch'])),
            custom_hooks=[SeedIterationHook(), UseRandomState()],
            default_scope='mmseg',
            experiment_name=f'{tmp_path.name}_{number}')
        runner.train()
        return runner.model.weight.item()

    return train


@pytest.mark.parametrize(('train_cfg', 'sampler', 'name'), [
    (BY_EPOCH, 'DefaultSampler', 'epoch_2.pth'),
    (BY_ITERATION, 'DefaultSampler', 'iter_3.pth'),
    (BY_ITERATION, 'InfiniteSampler', 'iter_3.pth')])
def test_resumed__repeats_the_uninterrupted(
        train_cfg, sampler, name, train, tmp_path, monkeypatch):
    monkeypatch.setattr('mmengine.runner.loops.time.sleep', lambda _: None)
    sampler = dict(type=sampler, shuffle=True)
    whole = train('whole', train_cfg, sampler)
    random.seed(0)
    torch.rand(5)
    half = tmp_path / 'whole' / name
    assert train('resumed', train_cfg, sampler, str(half)) == whole


def test_iterations__differ(train, tmp_path):
    train('run', BY_ITERATION, dict(type='InfiniteSampler', shuffle=False))
    weights = [load_from_local(path)['state_dict']['weight'].item()
               for path in sorted((tmp_path / 'run').glob('iter_*.pth'))]
    steps = np.diff(weights, prepend=0)
    assert len({*np.round(steps, 6)}) == 6


def test_step__does_not_depend_on_how_its_batch_was_loaded():
    # in this process, which uses the random state, or by workers
    def choices(iteration):
        SeedIterationHook().before_train_iter(
            SimpleNamespace(seed=7, iter=iteration), iteration)
        return torch.rand(1).item(), np.random.rand(), random.random()

    first = choices(3)
    assert choices(3) == first
    assert not {*choices(4)} & {*first}
