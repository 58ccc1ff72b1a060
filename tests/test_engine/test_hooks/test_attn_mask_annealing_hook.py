"""Tests of mask annealing."""
import json
from types import SimpleNamespace

import pytest
import torch
from mmengine.dataset import DefaultSampler
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from mmseg_anomaly.engine.hooks import AttnMaskAnnealingHook
from mmseg_anomaly.engine.hooks.attn_mask_annealing_hook import (
    annealed_prob,
)
from mmseg_anomaly.models.decode_heads import EoMTDecodeHead


class FakeHead(nn.Module):
    """What the hook asks of a head."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer('attn_mask_probs', torch.ones(2))

    def set_attn_mask_probs(self, probs):
        self.attn_mask_probs.copy_(torch.tensor(probs))


class FakeModel(BaseModel):
    """Remembers the probabilities that each forward pass met."""

    def __init__(self, with_head: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        if with_head:
            self.decode_head = FakeHead()
        self.seen = []

    def forward(self, inputs, mode='loss'):
        if hasattr(self, 'decode_head'):
            self.seen.append(self.decode_head.attn_mask_probs.tolist())
        return dict(loss=self.weight.sum())

    def train_step(self, data, optim_wrapper):
        loss = self(data)['loss']
        optim_wrapper.update_params(loss)
        return dict(loss=loss)


def _train(model, hook, work_dir, max_iters, resume=False):
    dataset = TensorDataset(torch.zeros(4, 1))
    loader = DataLoader(dataset, sampler=DefaultSampler(dataset))
    runner = Runner(
        model=model, work_dir=str(work_dir), train_dataloader=loader,
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=max_iters),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        default_hooks=dict(checkpoint=dict(
            type='CheckpointHook', interval=2, by_epoch=False)),
        custom_hooks=[hook], resume=resume, log_level='ERROR',
        default_scope='mmseg',
        experiment_name=f'{work_dir.name}_{max_iters}_{resume}')
    runner.train()


def test_annealed_prob__hand_computed():
    assert [annealed_prob(step, 2, 6, 1.) for step in range(8)] == [
        1., 1., 1., 0.75, 0.5, 0.25, 0., 0.]
    assert annealed_prob(1, 0, 2, 2.) == 0.25
    assert annealed_prob(3, 3, 3, 0.9) == 0.


def test_annealed_prob__matches_reference(reference_dir):
    numbers = json.loads((reference_dir / 'E_schedules.json').read_text())
    case = numbers['mask_annealing']
    for row in case['rows']:
        probs = [annealed_prob(row['step'], start, end, case['poly_power'])
                 for start, end in zip(case['start_steps'],
                                       case['end_steps'], strict=True)]
        assert probs == pytest.approx(row['probs'], abs=1e-6), row


def test_hook__iteration_k_sees_the_probability_of_step_k(tmp_path):
    model = FakeModel()
    _train(model, AttnMaskAnnealingHook([0, 2], [4, 3], power=1.), tmp_path,
           5)
    assert model.seen == [[1., 1.], [0.75, 1.], [0.5, 1.], [0.25, 0.],
                          [0., 0.]]


def test_hook__goes_on_after_resume(tmp_path):
    def hook():
        return AttnMaskAnnealingHook([0, 2], [4, 3], power=1.)
    _train(FakeModel(), hook(), tmp_path, 2)
    model = FakeModel()
    _train(model, hook(), tmp_path, 5, resume=True)
    assert model.seen == [[0.5, 1.], [0.25, 0.], [0., 0.]]


def test_hook__reaches_the_head_of_a_wrapped_model():
    head = EoMTDecodeHead(
        dict(embed_dim=12, depth=3, num_heads=1), (16, 16),
        num_joint_blocks=2, num_classes=2)
    model = nn.ModuleDict(dict(module=nn.ModuleDict(dict(head=head))))
    runner = SimpleNamespace(model=model, iter=0)
    hook = AttnMaskAnnealingHook([0, 0], [0, 2], power=1.)
    hook.before_train(runner)
    assert head.attn_mask_probs.tolist() == [0., 1.]
    hook.after_train_iter(runner, 0)
    assert head.attn_mask_probs.tolist() == [0., 0.5]


def test_hook__unfit_model_is_named(tmp_path):
    with pytest.raises(ValueError, match='no module with `attn_mask_probs`'):
        _train(FakeModel(False), AttnMaskAnnealingHook([0, 0], [1, 1]),
               tmp_path / 'a', 1)
    with pytest.raises(ValueError, match='each of the 2 joint blocks, got 1'):
        _train(FakeModel(), AttnMaskAnnealingHook([0], [1]), tmp_path / 'b',
               1)


@pytest.mark.parametrize('args, message', [
    (([0], [1, 2]), 'one length, got 1 and 2'),
    (([0, 3], [1, 2]), r'got \[0, 3\] and \[1, 2\]'),
    (([0], [1], 0), '`power` must be positive, got 0'),
])
def test_hook__bad_arguments_are_named(args, message):
    with pytest.raises(ValueError, match=message):
        AttnMaskAnnealingHook(*args)


def test_hook__refuses_to_change_a_frozen_head(tmp_path):
    model = FakeModel()
    model.decode_head.queries = nn.Embedding(2, 2).requires_grad_(False)
    with pytest.raises(ValueError, match='would change a frozen FakeHead'):
        _train(model, AttnMaskAnnealingHook((0, 0), (1, 1)), tmp_path, 1)
