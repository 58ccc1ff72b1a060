"""One clear sentence for each way in which a checkpoint may not fit."""
import pytest
import torch
from mmseg.models.decode_heads import FCNHead
from torch import nn

from mmseg_anomaly.engine.checkpoint import load_state_dict_strictly
from mmseg_anomaly.engine.checkpoint_mismatch import mismatch_cause
from mmseg_anomaly.models.backbones import EoMTViT
from mmseg_anomaly.models.decode_heads import EoMTDecodeHead

ARCH = dict(embed_dim=12, depth=3, num_heads=3)


def eomt(num_classes=2, patch_size=8, img_size=(32, 32), num_joint_blocks=1,
         **arch):
    vit = dict(arch={**ARCH, **arch}, img_size=img_size,
               patch_size=patch_size, num_joint_blocks=num_joint_blocks)
    return nn.ModuleDict(dict(
        backbone=EoMTViT(**vit),
        decode_head=EoMTDecodeHead(
            **vit, num_classes=num_classes, num_queries=3)))


@pytest.mark.parametrize(('kwargs', 'cause'), [
    (dict(num_classes=5), 'it is of 5 classes, the model of 2 classes; the '
     'tools in tools/model_converters change it by --classes'),
    (dict(patch_size=16), 'it is of patch size 16, the model of patch size '
     '8; the tools in tools/model_converters change it by --patch-size'),
    (dict(img_size=(32, 64)), 'it is of 33 positions, the model of 17 '
     'positions; the tools in tools/model_converters change it by '
     '--img-size'),
    (dict(embed_dim=24, patch_size=16), 'it is of a ViT of width 24 with 2 '
     '\\+ 1 blocks, 0 registers and added positions, the model of a ViT of '
     'width 12 with'),
    (dict(depth=4), 'with 3 \\+ 1 blocks, .* with 2 \\+ 1 blocks'),
    (dict(num_joint_blocks=2), 'with 1 \\+ 2 blocks, .* with 2 \\+ 1 blocks'),
    (dict(reg_tokens=4), 'blocks, 4 registers .* blocks, 0 registers'),
])
def test_load__says_what_the_file_is(kwargs, cause):
    with pytest.raises(RuntimeError,
                       match=f'does not fit the model: .*{cause}'):
        load_state_dict_strictly(eomt(), eomt(**kwargs).state_dict())


def test_load__another_network():
    state = {'backbone.conv1.weight': torch.ones(1),
             'decode_head.conv_seg.weight': torch.ones(1)}
    with pytest.raises(RuntimeError, match='a backbone of conv1, the model '
                       'of a ViT of width 12'):
        load_state_dict_strictly(eomt(), state)


def test_cause__classes_of_a_head_of_mmseg():
    def state(num_classes):
        head = FCNHead(in_channels=4, channels=4, num_classes=num_classes,
                       num_convs=1, norm_cfg=dict(type='BN'))
        return nn.ModuleDict(dict(decode_head=head)).state_dict()

    assert mismatch_cause(state(3), state(19)).startswith(
        ': it is of 3 classes, the model of 19 classes; ')


def test_cause__below_a_pixel_head():
    names = {'decode_head.class_head.bias': torch.ones(3)}
    ours = {'decode_head.semantic_head.class_head.bias': torch.ones(4)}
    assert 'it is of 2 classes, the model of 3' in mismatch_cause(names, ours)


def test_cause__unknown():
    assert not mismatch_cause({'a': torch.ones(1)}, {'b': torch.ones(1)})


def test_load__says_what_was_loaded(monkeypatch):
    said = []
    monkeypatch.setattr('mmseg_anomaly.engine.checkpoint.print_log',
                        lambda text, **_: said.append(text))
    model = nn.Linear(2, 3)
    load_state_dict_strictly(model, model.state_dict())
    load_state_dict_strictly(
        model, dict(weight=torch.ones(1, 1), old=torch.ones(1)),
        ['weight', 'bias', 'old'])
    assert said == [
        'Loaded 2 of 2 tensors of a checkpoint; none is missing, unexpected '
        'or of another shape',
        'Loaded 0 of 2 tensors of a checkpoint; allowed although missing in '
        'the file: bias; allowed although not in the model: old; allowed '
        'although of another shape: weight (file [1, 1], model [3, 2])']
