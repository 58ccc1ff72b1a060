"""How MMEngine loads a checkpoint, and what its keys must be."""
import os
import pickle

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import InfiniteSampler, pseudo_collate
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel
from mmengine.registry import DefaultScope
from mmengine.runner import CheckpointLoader, Runner
from mmengine.runner.checkpoint import load_checkpoint
from safetensors.torch import save_file
from torch import nn
from torch.utils.data import DataLoader

from mmseg_anomaly.engine.checkpoint import (
    load_from_http,
    load_from_local,
    load_state_dict_strictly,
)


class Calls:
    """Pickles into a call of a function."""

    def __init__(self, function, *arguments) -> None:
        self.call = function, arguments

    def __reduce__(self):
        return self.call


class TinyModel(BaseModel):

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1)

    def forward(self, inputs, mode='tensor'):
        inputs = torch.stack(inputs)
        return dict(loss=self.layer(inputs).square().mean())


def train(work_dir, **options) -> Runner:
    images = [dict(inputs=row) for row in torch.eye(2)]
    data = DataLoader(images, sampler=InfiniteSampler(images, seed=0),
                      collate_fn=pseudo_collate)
    runner = Runner(
        TinyModel(), str(work_dir), train_dataloader=data,
        train_cfg=dict(by_epoch=False, max_iters=4),
        optim_wrapper=dict(optimizer=dict(type='AdamW', lr=0.5)),
        param_scheduler=dict(type='ExponentialLR', gamma=0.5, by_epoch=False),
        default_hooks=dict(
            logger=dict(type='LoggerHook', interval=1),
            checkpoint=dict(type='CheckpointHook', by_epoch=False,
                            interval=2)),
        cfg=Config(), default_scope='mmengine', **options)
    runner.train()
    return runner


@pytest.fixture(autouse=True)
def keep_default_scope():
    before = dict(DefaultScope._instance_dict)
    yield
    DefaultScope._instance_dict.clear()
    DefaultScope._instance_dict.update(before)


def test_load__refuses_to_run_code_and_names_it(tmp_path):
    path, victim = tmp_path / 'bad.pth', tmp_path / 'written'
    torch.save(dict(state_dict={}, x=Calls(os.mkdir, str(victim))), path)

    with pytest.raises(pickle.UnpicklingError,
                       match='bad.pth` was refused.* posix.mkdir, and'):
        load_from_local(path)
    with pytest.raises(pickle.UnpicklingError, match='posix.mkdir'):
        load_checkpoint(nn.Linear(1, 1), str(path))
    assert not victim.exists()


def test_load__reads_safetensors(tmp_path):
    save_file(dict(a=torch.tensor([1., 2.])), tmp_path / 'a.safetensors')
    loaded = CheckpointLoader.load_checkpoint(
        str(tmp_path / 'a.safetensors'), 'cpu')
    assert loaded['a'].tolist() == [1, 2]
    with pytest.raises(ValueError, match='`map_location` of a .safetensors'):
        load_from_local(tmp_path / 'a.safetensors', {})


def test_load_from_http__downloads_once_and_reads_safely(
        tmp_path, monkeypatch):
    downloads = []

    def download(url: str, path: str) -> None:
        downloads.append(url)
        torch.save(dict(a=1, x=Calls(os.getcwd)), path)

    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, 'download_url_to_file', download)
    for _ in range(2):
        with pytest.raises(pickle.UnpicklingError, match='posix.getcwd'):
            load_from_http('https://example.org/a.pth?version=1')
    assert downloads == ['https://example.org/a.pth?version=1']
    assert (tmp_path / 'checkpoints' / 'a.pth').is_file()


def test_resume__reads_what_mmengine_wrote(tmp_path):
    first = train(tmp_path / 'one')
    expected = first.optim_wrapper.optimizer.state_dict()
    expected_loss = first.message_hub.get_scalar('train/loss')

    second = train(tmp_path / 'two', resume=True,
                   load_from=str(tmp_path / 'one' / 'iter_2.pth'))

    assert second.iter == 4
    state = second.optim_wrapper.optimizer.state_dict()
    assert state['param_groups'] == expected['param_groups']
    rates = second.message_hub.get_scalar('train/lr').data[0]
    assert rates.tolist() == [0.5, 0.25, 0.125, 0.0625]
    losses = second.message_hub.get_scalar('train/loss')
    assert isinstance(losses, HistoryBuffer)
    np.testing.assert_allclose(losses.data[0], expected_loss.data[0])
    assert losses.statistics('max') == losses.data[0].max()


def test_strict__accepts_what_fits():
    model = nn.Linear(2, 3)
    weight = torch.arange(6.).view(3, 2)
    load_state_dict_strictly(model, dict(weight=weight, bias=torch.ones(3)))
    torch.testing.assert_close(model.weight.data, weight)


def test_strict__names_every_key_that_differs():
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    state = model.state_dict()
    del state['0.bias']
    state['1.weight'] = torch.ones(7, 3)
    state['2.bias'] = torch.ones(1)

    with pytest.raises(RuntimeError) as stopped:
        load_state_dict_strictly(model, state)
    assert str(stopped.value) == (
        'The checkpoint does not fit the model; missing in the file: 0.bias; '
        'not in the model: 2.bias; of another shape: 1.weight (file [7, 3], '
        'model [1, 3]). Use the config it was trained with, or list these '
        'keys, or their prefix, in `allow_missing` of the config.')

    load_state_dict_strictly(model, state, [r'0\.bias$', '1.w', '2.'])
    with pytest.raises(RuntimeError, match='model; not in the model: 2.bias.'):
        load_state_dict_strictly(model, state, ['0.bias', '1.w', 'bias'])


def test_strict__keys_renamed_by_the_model_fit():
    model = nn.Linear(1, 1, bias=False)
    model.register_load_state_dict_pre_hook(
        lambda _, state, *args: state.update(weight=state.pop('old')))
    load_state_dict_strictly(model, dict(old=torch.tensor([[5.]])))
    assert model.weight.item() == 5


def test_strict__other_errors_stay_themselves():
    model = nn.Linear(1, 1, bias=False)
    with pytest.raises(RuntimeError, match='While copying the parameter'):
        load_state_dict_strictly(
            model, dict(weight=torch.ones(1, 1, device='meta')))
