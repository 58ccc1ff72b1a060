"""Mixed precision on a machine without GPU, and the rules for one with."""
import pytest
import torch
from mmengine.optim import OptimWrapper
from mmseg.registry import OPTIM_WRAPPERS
from torch import nn

from mmseg_anomaly.engine.optimizers import (
    DeviceAmpOptimWrapper,
    device_amp_optim_wrapper,
)
from mmseg_anomaly.engine.optimizers.device_amp_optim_wrapper import (
    get_amp_dtype,
)


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    monkeypatch.setattr(device_amp_optim_wrapper, 'get_device', lambda: 'cpu')


def build(**options):
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    wrapper = OPTIM_WRAPPERS.build(dict(
        type='DeviceAmpOptimWrapper', optimizer=optimizer, **options))
    return model, wrapper


@pytest.mark.parametrize(('device', 'dtype', 'expected'), [
    ('cpu', None, torch.bfloat16), ('cuda', None, torch.float16),
    ('cpu', 'bfloat16', torch.bfloat16), ('cuda', 'bfloat16', torch.bfloat16)])
def test_dtype__follows_the_device(device, dtype, expected):
    assert get_amp_dtype(device, dtype) == expected


def test_dtype__must_exist():
    with pytest.raises(ValueError, match="'bfloat16'.*, got 'float8'"):
        get_amp_dtype('cuda', 'float8')
    with pytest.raises(ValueError, match='on the CPU, got "float16"'):
        get_amp_dtype('cpu', 'float16')


def test_step__computes_in_bfloat16_and_updates_in_float32():
    model, wrapper = build()
    with wrapper.optim_context(model):
        output = model(torch.full((1, 1), 1 + 2**-10))
        assert output.dtype == torch.bfloat16
        assert output.item() == 1  # bfloat16 has 8 bits of mantissa
    wrapper.update_params(output.float().sum())
    # gradient 1 (the input in bfloat16), rate 0.5
    assert model.weight.dtype == torch.float32
    assert model.weight.item() == 0.5


def test_step__clips_gradients():
    model, wrapper = build(clip_grad=dict(max_norm=0.5))
    wrapper.update_params(model(torch.tensor([[100.]])).sum())
    assert model.weight.item() == pytest.approx(0.75)


def test_state__survives_with_and_without_scaler():
    _, wrapper = build()
    state = wrapper.state_dict()
    assert state['loss_scaler'] == {}
    _, other = build()
    other.load_state_dict(state)
    plain = OptimWrapper(wrapper.optimizer).state_dict()
    assert 'loss_scaler' not in plain
    other.load_state_dict(plain)
    assert state['loss_scaler'] == {}  # the argument is not changed


@pytest.mark.parametrize('loss_scale', [512., dict(growth_interval=10)])
def test_loss_scale__has_no_effect_in_bfloat16(loss_scale):
    model, wrapper = build(loss_scale=loss_scale)
    assert not wrapper.loss_scaler.is_enabled()
    wrapper.update_params(model(torch.ones(1, 1)).sum())
    assert model.weight.item() == 0.5


def test_loss_scale__must_be_known():
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=1)
    with pytest.raises(TypeError, match="`loss_scale` must .* got 'fixed'"):
        DeviceAmpOptimWrapper(loss_scale='fixed', optimizer=optimizer)


def test_scaler__is_used_in_float16(monkeypatch):
    monkeypatch.setattr(
        device_amp_optim_wrapper, 'get_device', lambda: 'cuda')
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=1)
    wrapper = DeviceAmpOptimWrapper(loss_scale=8., optimizer=optimizer)
    assert wrapper.cast_dtype == torch.float16
    assert wrapper._scale_update_param == 8
