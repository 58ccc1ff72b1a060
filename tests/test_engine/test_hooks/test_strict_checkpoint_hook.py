"""The hook inside whatever wraps the model."""
from collections import OrderedDict
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseTTAModel
from torch import nn

from mmseg_anomaly.engine.hooks import StrictCheckpointHook


class Merger(BaseTTAModel):

    def merge_preds(self, data_samples_list):
        return data_samples_list


def load(model: nn.Module, checkpoint: dict, **config) -> None:
    runner = SimpleNamespace(model=model, cfg=Config(config))
    StrictCheckpointHook().after_load_checkpoint(runner, checkpoint)


def linear() -> nn.Linear:
    model = nn.Linear(1, 1, bias=False)
    model.test_step = model.forward  # what BaseTTAModel asks for
    return model


@pytest.mark.parametrize('wrap', [lambda m: m, nn.DataParallel, Merger])
@pytest.mark.parametrize('checkpoint', [
    dict(weight=torch.tensor([[7.]])),
    dict(state_dict=dict(weight=torch.tensor([[7.]]))),
    dict(state_dict={'module.weight': torch.tensor([[7.]])})])
def test_hook__loads_what_fits(wrap, checkpoint):
    model = linear()
    load(wrap(model), checkpoint)
    assert model.weight.item() == 7


def test_hook__stops_on_what_does_not_fit():
    checkpoint = dict(state_dict=dict(other=torch.zeros(1)))
    with pytest.raises(RuntimeError,
                       match='missing in the file: weight; not in the model'):
        load(linear(), checkpoint)
    load(linear(), checkpoint, allow_missing=['weight', 'oth'])


def test_hook__wants_a_list():
    with pytest.raises(TypeError, match=r"string 'weight': write \['weight'"):
        load(linear(), {}, allow_missing='weight')


def test_hook__keeps_the_versions_of_layers():
    state = OrderedDict(nn.BatchNorm1d(1).state_dict())
    state._metadata = {'': dict(version=2)}
    del state['num_batches_tracked']
    with pytest.raises(RuntimeError, match='file: num_batches_tracked'):
        load(nn.BatchNorm1d(1), dict(state_dict=state))
    # Before version 2 there was no such value.
    state._metadata = {'': dict(version=1)}
    load(nn.BatchNorm1d(1), dict(state_dict=state))
