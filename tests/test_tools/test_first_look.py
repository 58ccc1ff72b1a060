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
