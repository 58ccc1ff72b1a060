"""tools/misc/print_config.py on a config that inherits."""
from mmengine.config import Config


def test_print_config__shows_what_is_inherited_and_overridden(
        tiny_config, run_tool, capsys):
    run_tool('misc/print_config', tiny_config, '--cfg-options',
             'train_cfg.max_iters=7')
    cfg = Config.fromstring(capsys.readouterr().out, '.py')
    assert cfg.runner_type == 'AnomalyRunner'
    assert cfg.train_cfg.max_iters == 7
