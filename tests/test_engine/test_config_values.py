import pytest
from mmengine.config import Config

from mmseg_anomaly.engine.config_values import check_values

TINY = 'configs/eomt_ext/eomt_tiny_demo_oe_eim.py'


@pytest.fixture(scope='module')
def config():
    return Config.fromfile(TINY)


@pytest.mark.parametrize(('key', 'value', 'allowed'), [
    ('train_cfg.max_iters', 2.5, 'an integer of at least 1'),
    ('train_cfg.max_iters', 0, 'at least 1'),
    ('train_cfg.val_interval', 'two', 'an integer'),
    ('train_dataloader.batch_size', 'two', 'an integer of at least 1'),
    ('val_dataloader.num_workers', -1, 'at least 0'),
    ('test_dataloader.drop_last', 'maybe', 'True or False'),
    ('optim_wrapper.accumulative_counts', 0, 'at least 1'),
    ('optim_wrapper.clip_grad.max_norm', -1, 'positive'),
    ('optim_wrapper.optimizer.type', 'Adamw', 'NAdam, AdamW'),
    ('optim_wrapper.optimizer.lr', '1e-3x', 'a number of at least 0'),
    ('optim_wrapper.optimizer.lr', None, 'a number of at least 0'),
    ('optim_wrapper.optimizer.weight_decay', -1, 'at least 0'),
    ('param_scheduler.1.power', 'x', 'a number'),
    ('param_scheduler.0.by_epoch', 'no', 'True or False'),
    ('default_hooks.checkpoint.interval', 'often', 'an integer'),
    ('default_hooks.logger.interval', 0, 'at least 1'),
    ('randomness.seed', 'abc', 'an integer of at least 0'),
    ('randomness.seed', -1, 'in [0, 4294967295]'),
])
def test_value__that_is_refused(config, key, value, allowed):
    changed = Config(config.to_dict())
    changed.merge_from_dict({key: value})
    with pytest.raises((TypeError, ValueError)) as error:
        check_values(changed)
    assert f'`{key}` must' in str(error.value)
    assert repr(value) in str(error.value)
    assert allowed.split(' of ')[0] in str(error.value)


@pytest.mark.parametrize('options', [
    {}, {'randomness.seed': None}, {'optim_wrapper.clip_grad': None},
    {'default_hooks.checkpoint.interval': -1, 'val_dataloader': None},
    {'optim_wrapper.optimizer.lr': 0, 'train_cfg.max_iters': None},
    {'param_scheduler': None}, {'train_dataloader.batch_size': None}])
def test_values__that_pass(config, options):
    changed = Config(config.to_dict())
    changed.merge_from_dict(options)
    check_values(changed)
