"""The hook inside whatever wraps the model."""
import re
from collections import OrderedDict
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseTTAModel
from torch import nn

from mmseg_anomaly.engine.hooks import StrictCheckpointHook
from mmseg_anomaly.models.decode_heads import EoMTDecodeHead


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


@pytest.mark.parametrize(('allow_missing', 'message'), [
    (None, 'be a list of texts, got None'),
    ([3], r'be a list of texts, got \[3\]'),
    (['weight', '(bias'], r"regular expressions, got '\(bias' \(")])
def test_hook__wants_regular_expressions(allow_missing, message):
    with pytest.raises((TypeError, ValueError),
                       match=f'`allow_missing` must .*{message}'):
        load(linear(), {}, allow_missing=allow_missing)


@pytest.mark.parametrize(('allow_missing', 'unused'), [
    (['weight', 'old', 'wei.*'], None),
    (['weight', 'head.weight', 'ol', 'x$'], "'head.weight', 'x$'"),
    (['eight', 'old', 'weight'], "'eight'")])
def test_hook__reports_what_matches_nothing(
        allow_missing, unused, monkeypatch):
    said = []
    monkeypatch.setattr('mmseg_anomaly.engine.checkpoint.print_log',
                        lambda text, *_, **__: said.append(text))
    load(linear(), dict(old=torch.ones(1)), allow_missing=allow_missing)
    assert [text for text in said if 'matches no key' in text] == ([] if (
        unused is None) else [
            f'`allow_missing` lists {unused}, which matches no key of the '
            'checkpoint or the model: correct it, or remove it'])


def test_example__names_keys_of_an_eomt():
    listed = re.search(r"allow_missing = \['(.*)'\]",
                       StrictCheckpointHook.__doc__)[1]
    vit = dict(arch=dict(embed_dim=12, depth=2, num_heads=3),
               img_size=(16, 16), patch_size=8, num_joint_blocks=1)
    head = EoMTDecodeHead(**vit, num_classes=2, num_queries=3)
    assert any(re.match(listed, f'decode_head.{key}')
               for key in head.state_dict())
