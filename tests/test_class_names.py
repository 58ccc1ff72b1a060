"""Names and colours of classes travel with every file."""
import json

import pytest
import torch
from mmengine.config import ConfigDict
from mmseg.datasets import CityscapesDataset

import mmseg_anomaly  # noqa: F401
from mmseg_anomaly.class_names import (
    class_meta,
    meta_of_config,
    names_classes,
    num_classes_of,
    numbered_classes,
    pack_meta,
    read_meta,
)

META = dict(classes=('road', 'car'), palette=[[1, 2, 3], [4, 5, 6]])


def test_class_meta__completes_the_palette():
    meta = class_meta(['a', 'b', 'c'], [(1, 2, 3)])
    assert meta['classes'] == ('a', 'b', 'c')
    assert meta['palette'][0] == [1, 2, 3]
    assert len({tuple(color) for color in meta['palette']}) == 3
    assert len(class_meta(['a'], [(1, 2, 3), (4, 5, 6)])['palette']) == 1


def test_names__survive_packing():
    assert read_meta(pack_meta(META), 'a.safetensors') == META
    assert pack_meta(None) == {}
    assert read_meta({'format': 'pt'}, 'a.safetensors') is None
    assert read_meta(None, 'a.pth') is None


@pytest.mark.parametrize('stored', [
    5, dict(classes=5), dict(classes=['a', 3]), dict(classes='no json'),
    dict(classes='{"a": 1', palette='[]'), dict(classes=['a'], palette=[5]),
    dict(classes=['a'], palette=[[1, 2]]),
    dict(classes=['a'], palette=[[1, 2, 256]]),
    dict(classes=['a'], palette=[['x', 'y', 'z']])])
def test_names__of_another_kind_name_the_file(stored):
    with pytest.raises(ValueError, match='`a.pth` must name its classes by a '
                       'list of texts'):
        read_meta(stored, '`a.pth`')


@pytest.mark.parametrize(('meta', 'expected'), [
    (META, True), (numbered_classes(2), False), (None, False), ({}, False),
    (dict(classes=None), False), (dict(classes=['class 0', 'b']), True)])
def test_names_classes__not_by_numbers(meta, expected):
    assert names_classes(meta) == expected


@pytest.mark.parametrize(('layer', 'rows'), [
    ('decode_head.class_head.weight', 4),
    ('decode_head.class_head.prototypes', 4),
    ('decode_head.semantic_head.class_head.weight', 4),
    ('decode_head.conv_seg.weight', 3)])
def test_num_classes__of_any_head(layer, rows):
    assert num_classes_of({layer: torch.ones(rows, 2)}) == 3
    assert num_classes_of({'backbone.' + layer: torch.ones(rows, 2)}) is None


def test_config__names_classes_of_the_first_set_that_fits():
    benchmark = dict(dataset=dict(type='RoadAnomaly21Dataset'))
    cityscapes = dict(dataset=dict(type='CityscapesDataset'))
    cfg = ConfigDict(train_dataloader=None, val_dataloader=cityscapes,
                     test_dataloader=benchmark)
    assert meta_of_config(cfg, 19)['classes'] == tuple(
        CityscapesDataset.METAINFO['classes'])
    assert meta_of_config(cfg, 8) is None
    assert meta_of_config(None, 19) is None
    wrapped = dict(type='RepeatDataset', dataset=dict(
        type='ConcatDataset', datasets=[
            dict(type='BaseSegDataset', metainfo=dict(classes=['a', 'b']))]))
    cfg.train_dataloader = dict(dataset=wrapped)
    assert meta_of_config(cfg, 2)['classes'] == ('a', 'b')


def test_packed__is_json():
    assert json.loads(pack_meta(META)['classes']) == ['road', 'car']
