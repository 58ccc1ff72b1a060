"""How MMEngine loads a checkpoint, and what its keys must be."""
import contextlib
import os
import pickle

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import InfiniteSampler, pseudo_collate
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel, BaseModule
from mmengine.registry import DefaultScope
from mmengine.runner import CheckpointLoader, Runner
from mmengine.runner.checkpoint import load_checkpoint
from safetensors.torch import save_file
from torch import nn
from torch.utils.data import DataLoader

from mmseg_anomaly.engine import checkpoint
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
                       match='bad.pth` was refused.* posix.mkdir; a'):
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


@pytest.mark.parametrize('resume', [False, True])
def test_training__from_an_empty_file_says_so(resume, tmp_path):
    """What a training leaves whose disk was full."""
    (tmp_path / 'iter_2.pth').touch()
    with pytest.raises(ValueError, match='iter_2.pth` could not be read as a '
                       'checkpoint: it is empty; get or write it again'):
        train(tmp_path, load_from=str(tmp_path / 'iter_2.pth'), resume=resume)


def test_init_cfg__of_an_empty_file_says_so(tmp_path):
    (tmp_path / 'a.pth').touch()
    model = BaseModule(dict(type='Pretrained',
                            checkpoint=str(tmp_path / 'a.pth')))
    with pytest.raises(ValueError, match='a.pth` could not .* it is empty'):
        model.init_weights()


@pytest.fixture
def downloads(tmp_path, monkeypatch):
    """Addresses that are downloaded; each file holds its own address."""
    addresses = []

    def download(url: str, path: str) -> None:
        addresses.append(url)
        torch.save(dict(url=url), path)

    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, 'download_url_to_file', download)
    return addresses


def test_load_from_http__downloads_once_and_reads_safely(
        tmp_path, downloads):
    url = 'https://example.org/a.pth?version=1'
    assert load_from_http(url) == load_from_http(url) == dict(url=url)
    assert downloads == [url]
    file, = (tmp_path / 'checkpoints').iterdir()
    assert file.name.startswith('a-')
    torch.save(Calls(os.getcwd), file)
    with pytest.raises(pickle.UnpicklingError, match='posix.getcwd'):
        load_from_http(url)


def test_load_from_http__keeps_files_of_one_name_apart(downloads):
    urls = [f'https://example.org/{name}/model.pth' for name in 'ab']
    assert [load_from_http(url)['url'] for url in urls] == urls


@pytest.mark.parametrize(('rank', 'expected'), [('0', 1), ('1', 0)])
def test_load_from_http__downloads_by_the_first_of_a_machine(
        rank, expected, downloads, monkeypatch):
    monkeypatch.setattr(checkpoint, 'is_distributed', lambda: True)
    monkeypatch.setenv('RANK', '5')
    monkeypatch.setenv('LOCAL_RANK', rank)
    with contextlib.suppress(FileNotFoundError):
        load_from_http('https://example.org/a.pth')
    assert len(downloads) == expected


def test_load_from_http__ignores_the_rank_of_a_single_process(
        downloads, monkeypatch):
    monkeypatch.setenv('LOCAL_RANK', '1')
    load_from_http('https://example.org/a.pth')
    assert len(downloads) == 1


@pytest.mark.parametrize('name', [
    'torchvision://resnet18', 'modelzoo://resnet18', 'mmcls://vgg11',
    'open-mmlab://resnet50_v1c', 'openmmlab://resnet50_v1c', 's3://a/b.pth',
    'pavi://a/b', 'cluster:s3://a/b.pth', 'petrel://a/b.pth'])
def test_scheme__is_refused_by_name(name):
    with pytest.raises(ValueError, match=f'`{name}` was refused: .* https://'):
        CheckpointLoader.load_checkpoint(name)


def test_scheme__none_is_left_to_mmengine():
    """Its loaders unpickle whatever they find."""
    owners = {scheme: loader.__module__
              for scheme, loader in CheckpointLoader._schemes.items()}
    assert len(owners) >= 11
    assert set(owners.values()) == {'mmseg_anomaly.engine.checkpoint'}


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


def test_load_from_file__reads_what_may_live_on(tmp_path):
    """A file that is written anew changes nothing but unread weights."""
    path = tmp_path / 'iter_1.pth'
    torch.save(dict(state_dict=dict(a=torch.ones(1000)),
                    optimizer=dict(exp_avg=torch.ones(1000))), path)
    loaded = CheckpointLoader.load_checkpoint(str(path), map_location='cpu')
    loaded['state_dict'] = None
    content = path.read_bytes()
    path.write_bytes(content.replace(
        torch.ones(1).numpy().tobytes(), torch.zeros(1).numpy().tobytes()))
    assert loaded['optimizer']['exp_avg'].sum() == 1000


def test_load_from_file__tensors_alone(tmp_path):
    torch.save(dict(a=torch.ones(2)), tmp_path / 'a.pth')
    loaded = CheckpointLoader.load_checkpoint(str(tmp_path / 'a.pth'))
    assert loaded['a'].tolist() == [1, 1]
