"""tools/analysis_tools/choose_threshold.py on a real, tiny model."""
import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS

from mmseg_anomaly.engine.head_checkpoint import (
    base_of,
    extract_head,
    write_head,
)

TOOL = 'analysis_tools/choose_threshold'


@pytest.fixture
def checkpoint(tiny_config: Path) -> Path:
    init_default_scope('mmseg')
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(tiny_config).model)
    path = tiny_config.with_name('random.pth')
    torch.save(dict(state_dict=model.state_dict()), path)
    return path


def maps_of(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return all scores that `tools/test.py --out` wrote, and the labels."""
    scores = [np.load(path) for path in sorted(folder.glob('*_anomaly.npy'))]
    labels = [
        cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        for path in sorted((folder.parent / 'data/val/labels').glob('*.png'))
    ]
    return np.stack(scores), np.stack(labels)


def test_fpr__is_reached_by_the_maps_of_the_model(
        tiny_config, checkpoint, tmp_path, run_tool):
    run_tool(TOOL, tiny_config, checkpoint, '--fpr', '0.1')
    content = json.loads((tmp_path / 'random.threshold.json').read_text())

    run_tool('test', tiny_config, checkpoint, '--out', tmp_path / 'out')
    scores, labels = maps_of(tmp_path / 'out')
    flagged = scores > content['threshold']
    assert content['reached'] == dict(
        fpr=flagged[labels < 254].mean(), tpr=flagged[labels == 254].mean())
    assert 0.05 < content['reached']['fpr'] <= 0.1
    assert content['scorer'] == 'softmax_msp'
    assert content['formula'] == '1 - max_c softmax(S / T)_c, T = 1'
    assert content['target'] == dict(fpr=0.1)
    assert content['images'] == 5
    assert content['pixels'] == (labels < 255).sum()
    assert content['anomalous_pixels'] == (labels == 254).sum()
    assert content['checkpoint_sha256'] == hashlib.sha256(
        checkpoint.read_bytes()).hexdigest()
    assert content['windows'].startswith('windows (16, 16)')
    assert 'head_sha256' not in content
    assert 'torch' in content['versions']


def test_head__that_is_attached_belongs_to_the_threshold(
        tiny_pixel_head_config, tmp_path, run_tool):
    init_default_scope('mmseg')
    model = MODELS.build(Config.fromfile(tiny_pixel_head_config).model)
    whole = model.state_dict()
    torch.save(dict(state_dict=base_of(whole)), tmp_path / 'plain.pth')
    write_head(tmp_path / 'head.safetensors',
               extract_head(whole, 'plain.pth'))
    run_tool(TOOL, tiny_pixel_head_config, tmp_path / 'plain.pth', '--fpr',
             '0.1', '--cfg-options',
             f'custom_hooks.0.head={tmp_path / "head.safetensors"}')
    content = json.loads((tmp_path / 'plain.threshold.json').read_text())
    assert content['scorer'] == 'pixel_head'
    for name in ('checkpoint', 'head'):
        file = tmp_path / dict(checkpoint='plain.pth',
                               head='head.safetensors')[name]
        assert content[f'{name}_sha256'] == hashlib.sha256(
            file.read_bytes()).hexdigest()


def test_tpr__of_another_scorer_and_file(
        tiny_config, checkpoint, tmp_path, run_tool):
    path = tmp_path / 'kept.json'
    run_tool(TOOL, tiny_config, checkpoint, '--tpr', '0.95', '--scorer',
             'energy:temperature=2', '-o', path)
    content = json.loads(path.read_text())
    assert content['reached']['tpr'] >= 0.95
    assert content['scorer'] == 'energy_temperature=2'
    assert content['formula'].endswith('T = 2')


@pytest.mark.parametrize(('on', 'count'), [([], 2), (['--on', 'test'], 5)])
def test_val__is_where_thresholds_are_chosen(
        tiny_config, checkpoint, tmp_path, run_tool, on, count):
    run_tool(TOOL, tiny_config, checkpoint, '--fpr', '0.1', *on,
             '--cfg-options', 'val_dataloader.dataset.indices=2')
    content = json.loads((tmp_path / 'random.threshold.json').read_text())
    assert content['images'] == count


def test_val__must_be_there(tiny_config, run_tool):
    with pytest.raises(ValueError, match='has no `val_dataloader`.*--on test'):
        run_tool(TOOL, tiny_config, 'unread.pth', '--fpr', '0.1',
                 '--cfg-options', 'val_dataloader=None')


def test_pictures__outline_what_the_threshold_flags(
        tiny_config, checkpoint, tmp_path, run_tool):
    run_tool(TOOL, tiny_config, checkpoint, '--fpr', '0.3')
    run_tool('test', tiny_config, checkpoint, '--show-dir', 'painted',
             '--cfg-options', 'default_hooks.visualization.threshold='
             'random.threshold.json')
    drawn = cv2.imread(str(next(tmp_path.glob('painted/**/*.png'))))
    assert (drawn[20:36, :16] == 255).all(axis=2).any()


def test_pictures__refuse_the_threshold_of_another_checkpoint(
        tiny_config, checkpoint, tmp_path, run_tool):
    run_tool(TOOL, tiny_config, checkpoint, '--fpr', '0.3')
    torch.save(dict(torch.load(checkpoint), meta={}), checkpoint)
    with pytest.raises(ValueError, match='chosen for another checkpoint'):
        run_tool('test', tiny_config, checkpoint, '--show-dir', 'painted',
                 '--cfg-options', 'default_hooks.visualization.threshold='
                 'random.threshold.json')


@pytest.mark.parametrize('arguments', [
    (), ('--fpr', '0.1', '--tpr', '0.9')])
def test_target__is_one_of_two(tiny_config, arguments, run_tool, capsys):
    with pytest.raises(SystemExit):
        run_tool(TOOL, tiny_config, 'unread.pth', *arguments)
    assert '--fpr' in capsys.readouterr().err
