"""Configs whose parts disagree, given to tools/train.py."""
import pytest


@pytest.mark.parametrize(('option', 'problem'), [
    ('model.decode_head.num_classes=5', 'numbers of classes must be equal'),
    ('train_cfg.max_iters=0', 'max_iters` must be at least 1, got 0'),
])
def test_training__stops_before_its_first_iteration(
        option, problem, tiny_config, tmp_path, run_tool):
    with pytest.raises(ValueError, match=problem):
        run_tool('train', tiny_config, '--work-dir', tmp_path / 'work',
                 '--cfg-options', option)
    assert not list((tmp_path / 'work').glob('*.pth'))


def test_pixel_head__is_not_trained_without_anomalies(
        tiny_pixel_head_config, run_tool):
    with pytest.raises(ValueError, match=r'PixelAnomalyHead.*first_look.skip'):
        run_tool('train', tiny_pixel_head_config, '--cfg-options',
                 'load_from=None', 'default_hooks.first_look.skip=[vit]')


def test_option_that_nothing_reads__stops_other_tools(tiny_config, run_tool):
    for tool in 'misc/print_config', 'dataset_converters/audit':
        with pytest.raises(ValueError, match='crop_size changes nothing: .*'
                           'set model.test_cfg.crop_size'):
            run_tool(tool, tiny_config, '--cfg-options', 'crop_size=[3,4]')


def test_amp__brings_arguments_of_its_own(tiny_config, load_tool):
    train = load_tool('train.py')
    options = [str(tiny_config), '--cfg-options',
               'optim_wrapper.loss_scale=512']
    load_config = train.command_line.load_config
    cfg = load_config(train.parse_args([*options, '--amp']))
    assert cfg.optim_wrapper.loss_scale == 512
    with pytest.raises(ValueError, match='OptimWrapper has no .loss_scale.'):
        load_config(train.parse_args(options))
