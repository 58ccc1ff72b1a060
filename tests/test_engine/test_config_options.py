"""Settings that nothing reads are named, with those that were meant."""
import argparse
import inspect
import re
from pathlib import Path

import mmengine
import pytest
from mmengine.config import Config

import mmseg_anomaly
from mmseg_anomaly.engine.config_options import (
    READ_KEYS,
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


def test_keys__that_runner_and_hooks_read_are_known():
    package = Path(mmseg_anomaly.__file__).parent
    sources = [Path(inspect.getsourcefile(mmengine.runner.Runner)),
               *package.glob('engine/**/*.py')]
    read = {key for path in sources for key in re.findall(
        r"(?:self|runner)\.cfg\.get\(\s*'(\w+)'", path.read_text())}
    assert {'allow_missing', 'sync_bn', 'overwrite'} <= read <= READ_KEYS


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


@pytest.mark.parametrize(('option', 'meant'), [
    ('train_cfg.max_itres', 'no .max_itres. there, set train_cfg.max_iters'),
    ('model.crop_size', 'SlideInferenceWithStitch has no .crop_size. there, '
     'set model.test_cfg.crop_size'),
    ('model.decode_head.criterion.num_pionts', 'set model.decode_head.crite'
     'rion.num_points'),
    ('train_dataloader.bach_size', 'set train_dataloader.batch_size'),
    ('train_dataloader.dataset.pipeline.3.paste_prob',
     'set train_dataloader.dataset.pipeline.3.paste_probability'),
    ('optim_wrapper.optimizer.learning_rate', 'AdamW has no .learning_rate.'),
    ('custom_hooks.0.head', 'AttnMaskAnnealingHook has no .head. there'),
    ('optim_wrapper.loss_scale', 'OptimWrapper has no .loss_scale. there'),
])
def test_options__that_no_class_takes(option, meant, demo):
    with pytest.raises(ValueError,
                       match=f'^--cfg-options {option}: .*{meant}'):
        check_options(demo, {option: 1})
    check_options(demo, {option: 1, 'allow_unread': [option]})


@pytest.mark.parametrize('option', [
    'model.vit.pretrained', 'model.decode_head.criterion.dice_weight',
    'model.decode_head.with_cp', 'model.neck.type', 'model.test_cfg.roi',
    'train_dataloader.dataset.indices', 'train_dataloader.prefetch_factor',
    'train_dataloader.dataset.pipeline.3.placement.type',
    'test_evaluator._delete_', 'test_evaluator.type', 'test_evaluator.1.type',
    'optim_wrapper.accumulative_counts', 'optim_wrapper.constructor',
    'optim_wrapper.paramwise_cfg.custom_keys.backbone.lr_mult',
    'default_hooks.checkpoint.save_best', 'default_hooks.ema.type',
    'default_hooks.first_look.skip', 'env_cfg.dist_cfg.timeout',
    'param_scheduler.1.end', 'custom_hooks.0.power', 'val_dataloader',
    'randomness.deterministic', 'visualizer.scorers', 'test_cfg.fp16'])
def test_options__that_a_class_takes(option, demo):
    check_options(demo, {option: None})


def test_options__of_a_type_that_they_set(demo):
    check_options(demo, {'model.decode_head.type': 'FCNHead',
                         'model.decode_head.num_convs': 1})
    with pytest.raises(ValueError, match='EoMTDecodeHead has no .num_convs.'):
        check_options(demo, {'model.decode_head.num_convs': 1})


def test_options__that_a_class_would_take_are_found():
    camvid = Config.fromfile(str(
        CONFIGS / 'eomt_ext/eomt_s_352x480_camvid_oe.py'))
    with pytest.raises(ValueError, match='allow_partial changes nothing: .*'
                       'set test_dataloader.dataset.allow_partial'):
        check_options(camvid, {'allow_partial': True})
    check_options(camvid, {'test_dataloader.dataset.allow_partial': True})


def test_options__that_a_tool_reads(demo):
    key = 'test_dataloader.dataset.allow_partial'
    with pytest.raises(ValueError, match=f'set {key}'):
        check_options(demo, {'allow_partial': True}, [key])
    check_options(demo, {key: True}, [key])
    with pytest.raises(ValueError, match='has no .allow_partial. there'):
        check_options(demo, {key: True})


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


@pytest.mark.parametrize(('name', 'content', 'message'), [
    ('child.py', "_base_ = './base.py'\n",
     r"base.py, line 2 fails: NameError: name 'crop_sise'"),
    ('child.json', '{"a": 1,', 'child.json fails: '),
])
def test_read__names_what_fails_when_it_is_run(
        name, content, message, tmp_path):
    (tmp_path / 'base.py').write_text('a = 1\nb = crop_sise\n')
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=message):
        read_config(tmp_path / name)


def test_action__names_brackets_that_do_not_match(capsys):
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=CheckedDictAction)
    with pytest.raises(SystemExit) as stop:
        parser.parse_args(['--cfg-options', 'a=[1,2'])
    assert stop.value.code == 2
    assert "do not match in 'a=[1,2'" in capsys.readouterr().err
