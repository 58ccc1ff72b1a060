"""Tests of the two-stage warm-up."""
import json

import pytest
import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import PARAM_SCHEDULERS
from torch import nn

from mmseg_anomaly.engine.schedulers import (
    TwoStageWarmupPolyLR,
    two_stage_warmup_poly_lr,
)
from mmseg_anomaly.engine.schedulers.two_stage_warmup_poly_lr import (
    two_stage_factor,
)


def _wrapper() -> OptimWrapper:
    groups = [dict(params=[nn.Parameter(torch.ones(1))], lr=2.,
                   is_backbone=True),
              dict(params=[nn.Parameter(torch.ones(1))], lr=4.,
                   is_backbone=False)]
    return OptimWrapper(torch.optim.SGD(groups, lr=4.))


def _step(wrapper: OptimWrapper, scheduler: TwoStageWarmupPolyLR) -> None:
    wrapper.step()
    scheduler.step()


def _rates(wrapper: OptimWrapper) -> list[float]:
    return [group['lr'] for group in wrapper.param_groups]


def test_two_stage_factor__hand_computed():
    def factors(is_backbone):
        return [two_stage_factor(step, 8, (2, 2), 1., is_backbone)
                for step in range(11)]
    assert factors(False) == pytest.approx(
        [0, 1 / 2, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6, 0, 0, 0])
    assert factors(True) == pytest.approx(
        [0, 0, 0, 1 / 2, 1, 3 / 4, 2 / 4, 1 / 4, 0, 0, 0])


def test_two_stage_factor__past_the_end_is_real():
    factor = two_stage_factor(6, 5, (2, 2), 0.9, False)
    assert isinstance(factor, float)
    assert factor == 0


def test_two_stage_factor__matches_reference(reference_dir):
    numbers = json.loads((reference_dir / 'E_schedules.json').read_text())
    for case in (numbers['lr'], *numbers['lr_extra']):
        for row in case['rows']:
            for key, flag in (('backbone', True), ('other', False)):
                factor = two_stage_factor(
                    row['step'], case['total_steps'], case['warmup_steps'],
                    case['poly_power'], flag)
                assert factor == pytest.approx(row[key], abs=1e-12), row


def test_scheduler__scales_each_group_and_the_logged_rate():
    wrapper = _wrapper()
    scheduler = TwoStageWarmupPolyLR(wrapper, (2, 2), 1., end=8,
                                     by_epoch=False)
    seen = [_rates(wrapper)]
    for _ in range(7):
        _step(wrapper, scheduler)
        seen.append(_rates(wrapper))
    other = [0, 2, 4, 20 / 6, 16 / 6, 2, 8 / 6, 4 / 6]
    backbone = [0, 0, 0, 1, 2, 1.5, 1, 0.5]
    # The last group is MMEngine's own; its rate is what the log shows.
    assert seen == [pytest.approx(row)
                    for row in zip(backbone, other, other, strict=True)]


def test_scheduler__goes_on_after_resume():
    whole, half = _wrapper(), _wrapper()
    cfg = dict(warmup_iters=(2, 2), end=8, by_epoch=False)
    scheduler = TwoStageWarmupPolyLR(whole, **cfg)
    first = TwoStageWarmupPolyLR(half, **cfg)
    for _ in range(3):
        _step(whole, scheduler)
        _step(half, first)
    resumed = _wrapper()
    second = TwoStageWarmupPolyLR(resumed, **cfg)
    resumed.load_state_dict(half.state_dict())
    second.load_state_dict(first.state_dict())
    assert _rates(resumed)[:2] == _rates(whole)[:2]
    for _ in range(4):
        _step(whole, scheduler)
        _step(resumed, second)
        assert _rates(resumed) == _rates(whole)


def test_scheduler__is_built_as_the_runner_does():
    scheduler = PARAM_SCHEDULERS.build(
        dict(type='mmseg.TwoStageWarmupPolyLR', by_epoch=False),
        default_args=dict(optimizer=_wrapper(), end=2000, epoch_length=3))
    assert scheduler.warmup_iters == (500, 1000)
    assert scheduler.total_iters == 2000


def test_scheduler__warns_if_it_never_gets_warm(monkeypatch):
    said = []
    monkeypatch.setattr(two_stage_warmup_poly_lr, 'print_log',
                        lambda text, *_: said.append(text))
    TwoStageWarmupPolyLR(_wrapper(), (5, 4), end=10, by_epoch=False)
    assert not said
    TwoStageWarmupPolyLR(_wrapper(), (5, 5), end=10, by_epoch=False)
    assert 'pretrained parameters never reach' in said[0]


@pytest.mark.parametrize('cfg, message', [
    (dict(warmup_iters=(1, )), r'`warmup_iters` .* got \(1,\)'),
    (dict(warmup_iters=(-1, 2)), r'`warmup_iters` .* got \(-1, 2\)'),
    (dict(power=0), '`power` must be positive, got 0'),
    (dict(by_epoch=True), '`by_epoch=False`, got True'),
])
def test_scheduler__bad_arguments_are_named(cfg, message):
    with pytest.raises(ValueError, match=message):
        TwoStageWarmupPolyLR(_wrapper(),
                             **{**dict(end=9, by_epoch=False), **cfg})
