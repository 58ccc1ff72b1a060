"""Settings that nothing reads are named, with those that were meant."""
import argparse
from pathlib import Path

import pytest
from mmengine.config import Config

from mmseg_anomaly.engine.config_options import (
    CheckedDictAction,
    check_options,
    read_config,
    stale_variables,
)

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'


@pytest.fixture(scope='module')
def demo():
    return Config.fromfile(str(CONFIGS / 'eomt_ext/eomt_tiny_demo_oe_eim.py'))


@pytest.mark.parametrize(('option', 'meant'), [
    ('data_root', 'set train_dataloader.dataset.data_root, train_dataloader.'
     'dataset.pipeline.3.source.data_root, val_dataloader.dataset.data_root'),
    ('num_classes', 'set model.decode_head.num_classes, train_dataloader.'
     'dataset.pipeline.2.num_classes, .* and 1 more'),
    ('crop_size', r'set model.test_cfg.crop_size, train_dataloader.dataset.'
     r'pipeline.5.crop_size\.'),
    ('lr', 'no such key; set optim_wrapper.optimizer.lr'),
    ('batch_size', 'set train_dataloader.batch_size, val_dataloader.batch'),
    ('max_iters', r'set train_cfg.max_iters\.'),
    ('seed', 'set randomness.seed'),
    ('lod_from', 'set load_from'),
    ('scorers', 'set model.test_cfg.scorer'),
    ('vit.img_size', 'set model.vit.img_size'),
    ('vis_backends', 'set visualizer.vis_backends'),
    ('outlier_paste.max_objects',
     'set train_dataloader.dataset.pipeline.3.max_objects'),
    ('train_pipeline.3.paste_probability',
     'set train_dataloader.dataset.pipeline.3.paste_probability'),
    ('data_preprocessor.mean', 'set model.data_preprocessor.mean'),
    ('nothing_like_it', 'tools/misc/print_config.py shows what can be set'),
])
def test_options__that_change_nothing(option, meant, demo):
    with pytest.raises(ValueError, match=(
            f'^--cfg-options {option} changes nothing: .*{meant}')):
        check_options(demo, {option: 1})


@pytest.mark.parametrize(('option', 'meant'), [
    ('model.decode_hed.num_classes', 'model.decode_head.num_classes'),
    ('default_hooks.chekpoint.interval', 'default_hooks.checkpoint.interval'),
    ('train_dataloader.datset.data_root', 'train_dataloader.dataset.data_ro'),
    ('optim_wraper.optimizer.lr', 'optim_wrapper'),
])
def test_options__of_a_level_that_is_misspelt(option, meant, demo):
    with pytest.raises(ValueError, match=f'{option}.* set {meant}'):
        check_options(demo, {option: 1})


def test_options__that_are_read(demo):
    check_options(demo, {
        'load_from': 'a.pth', 'randomness.seed': 1, 'work_dir': 'here',
        'train_cfg.max_iters': 3, 'allow_missing': ['a'],
        'train_dataloader.dataset.pipeline.3.paste_probability': 1.,
        'model.decode_head.criterion.num_points': 9,  # a level of its own
        'custom_hooks': [], 'launcher': 'none', 'tta_model.type': 'Mine'})


def test_options__of_code_of_the_user(demo):
    check_options(demo, {'my_key': 1, 'allow_unread': ['my_key']})
    cfg = demo.copy()
    cfg.allow_unread = ['my_key']
    check_options(cfg, {'my_key': 1})
    with pytest.raises(ValueError, match='my_keys changes nothing'):
        check_options(cfg, {'my_keys': 1})


@pytest.mark.parametrize('path', sorted(CONFIGS.glob('[!_]*/*.py')),
                         ids=lambda path: path.stem)
def test_variables__of_our_configs_have_arrived(path):
    assert stale_variables(Config.fromfile(str(path))) == []


def test_variables__that_a_child_sets_in_vain(demo):
    cfg = demo.copy()
    cfg.crop_size = (64, 64)
    sentence, = stale_variables(cfg)
    assert sentence == (
        'the variable `crop_size` of the config is (64, 64) and '
        '`model.test_cfg.crop_size` is (96, 192): set model.test_cfg.'
        'crop_size, train_dataloader.dataset.pipeline.5.crop_size as well')


@pytest.mark.parametrize('text', ['seed', 'a.b', '=3'])
def test_action__names_an_option_without_a_value(text, capsys):
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=CheckedDictAction)
    assert parser.parse_args(
        ['--cfg-options', 'a.b=[1,2]', 'c=d=e']).cfg_options == {
            'a.b': [1, 2], 'c': 'd=e'}
    with pytest.raises(SystemExit) as stop:
        parser.parse_args(['--cfg-options', 'a=1', text])
    assert stop.value.code == 2
    assert f'--cfg-options: {text!r} must be written key=value' in (
        capsys.readouterr().err)


@pytest.mark.parametrize(('content', 'message'), [
    ('', "is no config of a model: it has no `model`, but 'nothing'|nothing"),
    ('a = 1\n', r"no `model`, but \['a'\]"),
    ('model = dict(\n\nb = 2)\nc = = 3\n', 'line 4: invalid syntax'),
])
def test_read__names_the_file(content, message, tmp_path):
    path = tmp_path / 'config.py'
    path.write_text(content)
    with pytest.raises(ValueError, match=message) as error:
        read_config(path)
    assert 'config.py' in str(error.value)


def test_read__names_the_base_with_the_fault(tmp_path):
    (tmp_path / 'base.py').write_text('a = 1\nb = )\n')
    (tmp_path / 'child.py').write_text("_base_ = './base.py'\n")
    with pytest.raises(ValueError, match=r'base.py, line 2: unmatched'):
        read_config(tmp_path / 'child.py')
