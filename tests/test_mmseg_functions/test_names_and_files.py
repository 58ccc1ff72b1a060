"""Published and converted weights name their classes to MMSeg."""
import numpy as np
import pytest
import torch
from mmseg.apis import MMSegInferencer, inference_model, init_model
from mmseg.datasets import CityscapesDataset
from mmseg.registry import MODELS

from mmseg_anomaly.class_names import numbered_classes
from mmseg_anomaly.datasets import SyntheticRoadsDataset

CONFIG = 'eomt_ext/eomt_tiny_demo_oe_eim.py'
TOOLS = 'model_converters/'
PICTURE = np.zeros((40, 70, 3), np.uint8)
META = SyntheticRoadsDataset.METAINFO
NAMES = dict(classes=tuple(META['classes']),
             palette=[list(color) for color in META['palette']])


@pytest.fixture
def convert(load_tool):
    def convert(name, *arguments):
        load_tool(f'{TOOLS}{name}.py').main([str(a) for a in arguments])

    return convert


def names_in_both(cfg, path):
    """Names that both doors find, and the maps they compute."""
    model = init_model(cfg, str(path), device='cpu')
    inferencer = MMSegInferencer(cfg, str(path), device='cpu',
                                 show_progress=False)
    assert inferencer.model.dataset_meta == model.dataset_meta
    inferencer(PICTURE, return_vis=True)
    shown = inferencer.visualizer.dataset_meta
    assert shown['classes'] == model.dataset_meta['classes']
    return model.dataset_meta, inference_model(model, PICTURE)


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
@pytest.mark.parametrize('tools', [
    ('mmseg2hf', 'hf2mmseg'), ('mmseg2eomt', 'eomt2mmseg')])
def test_converted__there_and_back(
        tools, suffix, convert, small_config, tmp_path):
    cfg = small_config(CONFIG)
    cfg.model.vit = dict(
        arch=dict(embed_dim=16, depth=3, num_heads=2, init_values=1.),
        patch_size=14, img_size=(56, 56), num_joint_blocks=1,
        pretrained=None)
    torch.save(dict(state_dict=MODELS.build(cfg.model).state_dict(),
                    meta=dict(dataset_meta=META)), tmp_path / 'square.pth')
    there = tmp_path / ('there.bin' if tools[0] == 'mmseg2eomt' else 'there')
    back = tmp_path / f'back{suffix}'
    heads = ['--num-heads', 2] if tools[0] == 'mmseg2hf' else []
    convert(tools[0], tmp_path / 'square.pth', there, *heads)
    convert(tools[1], there, back)
    names, result = names_in_both(cfg, back)
    assert names == NAMES  # of the file, or, where it lost them, the config
    model = init_model(cfg, str(tmp_path / 'square.pth'), device='cpu')
    assert torch.equal(inference_model(model, PICTURE).pred_anomaly_map.data,
                       result.pred_anomaly_map.data)


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_converted__new_classes_continue_their_colours(
        suffix, convert, small_config, trained, tmp_path):
    cfg = small_config(CONFIG)
    out = tmp_path / f'few{suffix}'
    convert('mmseg2eomt', trained(CONFIG), tmp_path / 'a.safetensors')
    wanted = [NAMES['classes'][4], 'spaceship', NAMES['classes'][0]]
    convert('eomt2mmseg', tmp_path / 'a.safetensors', out, '--classes',
            ','.join(wanted))
    cfg.model.decode_head.num_classes = 3
    names, _ = names_in_both(cfg, out)
    assert names['classes'] == tuple(wanted)
    assert names['palette'][0] == NAMES['palette'][4]
    assert names['palette'][2] == NAMES['palette'][0]
    assert names['palette'][1] not in NAMES['palette']


def test_tensors_alone__take_the_names_of_the_config(
        small_config, small_model, tmp_path):
    path = tmp_path / 'bare.pth'
    torch.save(small_model(CONFIG).state_dict(), path)
    cfg = small_config(CONFIG)
    assert names_in_both(cfg, path)[0] == NAMES
    for loader in ('train', 'val'):
        cfg[f'{loader}_dataloader'].dataset.type = 'CityscapesDataset'
    cfg.test_dataloader.dataset.type = 'RoadAnomaly21Dataset'
    assert names_in_both(cfg, path)[0] == numbered_classes(8)


def test_checkpoint__of_mmseg_0_names_its_classes(
        small_config, small_model, tmp_path):
    path = tmp_path / 'old.pth'
    torch.save(dict(state_dict=small_model(CONFIG).state_dict(), meta=dict(
        CLASSES=tuple('abcdefgh'), PALETTE=[[1, 2, 3]] * 8)), path)
    assert names_in_both(small_config(CONFIG), path)[0] == dict(
        classes=tuple('abcdefgh'), palette=[[1, 2, 3]] * 8)


def test_checkpoint__without_colours_gets_some(
        small_config, small_model, tmp_path):
    path = tmp_path / 'names.pth'
    torch.save(dict(state_dict=small_model(CONFIG).state_dict(), meta=dict(
        dataset_meta=dict(classes=list('abcdefgh'), palette=None))), path)
    names, _ = names_in_both(small_config(CONFIG), path)
    assert names['classes'] == tuple('abcdefgh')
    assert len({tuple(color) for color in names['palette']}) == 8


@pytest.mark.parametrize('meta', [
    dict(dataset_meta=5), dict(dataset_meta=dict(classes=[1, 2])),
    dict(dataset_meta=dict(classes=['a'], palette=[['x']]))])
def test_checkpoint__with_wrong_names_is_refused(
        meta, small_config, small_model, tmp_path):
    path = tmp_path / 'wrong.pth'
    torch.save(dict(state_dict=small_model(CONFIG).state_dict(), meta=meta),
               path)
    with pytest.raises(ValueError, match='wrong.pth` must name its classes'):
        init_model(small_config(CONFIG), str(path), device='cpu')


def test_model__without_a_checkpoint_has_the_names_of_its_config(
        small_config):
    model = init_model(small_config(CONFIG), device='cpu')
    assert model.dataset_meta == NAMES


def test_erfnet__of_the_original_code_is_of_cityscapes(
        convert, monkeypatch, tmp_path):
    tool = 'mmseg_anomaly.model_conversion'
    weights = {'decode_head.output_conv.bias': torch.zeros(20)}
    torch.save(weights, tmp_path / 'a.pth')
    monkeypatch.setattr(f'{tool}.from_original_erfnet',
                        lambda *_: dict(weights))
    convert('erfnet2mmseg', tmp_path / 'a.pth', tmp_path / 'b.pth')
    written = torch.load(tmp_path / 'b.pth', weights_only=True)
    assert written['meta']['dataset_meta']['classes'] == tuple(
        CityscapesDataset.METAINFO['classes'])
