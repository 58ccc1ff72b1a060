"""What follows in real, tiny trainings when they are resumed."""
import shutil

import pytest
import torch

from mmseg_anomaly.engine import load_from_local


def test_resume__repeats_an_uninterrupted_training(
        tiny_eomt_config, tmp_path, run_tool):
    whole, resumed = tmp_path / 'whole', tmp_path / 'resumed'
    options = ['--cfg-options', 'train_cfg.max_iters=6',
               'train_cfg.val_interval=4', 'randomness.seed=None',
               'default_hooks.checkpoint.interval=4']
    run_tool('train', tiny_eomt_config, '--work-dir', whole, *options)
    resumed.mkdir()
    shutil.copy(whole / 'iter_4.pth', resumed)

    run_tool('train', tiny_eomt_config, '--work-dir', resumed, '--resume',
             *options)

    ours, theirs = (load_from_local(folder / 'iter_6.pth')
                    for folder in (resumed, whole))
    for key, value in theirs['state_dict'].items():
        assert torch.equal(ours['state_dict'][key], value), key
    moments = [run['optimizer']['state'] for run in (ours, theirs)]
    assert all(torch.equal(moments[0][number]['exp_avg'], state['exp_avg'])
               for number, state in moments[1].items())
    losses = [run['message_hub']['log_scalars']['train/loss'].data[0][-2:]
              for run in (ours, theirs)]
    assert losses[0].tolist() == losses[1].tolist()


def test_resume__stops_at_broken_files_unless_they_may_be_replaced(
        tiny_config, tmp_path, run_tool):
    broken = tmp_path / 'work' / 'iter_1.pth'
    broken.parent.mkdir()
    broken.write_bytes(b'PK\x03\x04')
    options = ['--work-dir', broken.parent, '--cfg-options',
               'train_cfg.max_iters=1', 'param_scheduler=None']

    with pytest.raises(ValueError, match='iter_1.pth` .* by --overwrite'):
        run_tool('train', tiny_config, '--resume', *options)
    run_tool('train', tiny_config, '--resume', '--overwrite', *options)

    assert load_from_local(broken)['meta']['iter'] == 1


def test_resume__takes_the_weights_alone_on_demand(
        tiny_config, tmp_path, run_tool):
    work_dir = tmp_path / 'work'
    options = ['--work-dir', work_dir, '--cfg-options',
               'train_cfg.max_iters=1', 'optim_wrapper.optimizer.lr=0.0']
    run_tool('train', tiny_config, *options)
    path = work_dir / 'iter_1.pth'
    trained = load_from_local(path)
    del trained['param_schedulers']
    torch.save(trained, path)

    for named in ([], [f'load_from={path}']):
        with pytest.raises(ValueError, match='holds no param_schedulers, so'):
            run_tool('train', tiny_config, '--resume', *options, *named)
    run_tool('train', tiny_config, '--resume-weights-only', *options)

    again = load_from_local(path)
    assert again['meta']['iter'] == 1
    weight = 'decode_head.conv_seg.weight'
    assert torch.equal(again['state_dict'][weight],
                       trained['state_dict'][weight])


def test_resume__says_that_nothing_is_left(tiny_config, tmp_path, run_tool):
    work_dir = tmp_path / 'work'
    options = ['--work-dir', work_dir, '--cfg-options',
               'train_cfg.max_iters=1']
    run_tool('train', tiny_config, *options)
    run_tool('train', tiny_config, '--resume', *options)
    log = ''.join(path.read_text() for path in work_dir.glob('*/*.log'))
    assert ('The checkpoint is of iteration 1, the last of `train_cfg` is 1: '
            'nothing is left to train') in log


def test_overwrite__needs_resume(tmp_path, run_tool, capsys):
    with pytest.raises(SystemExit, match='2'):
        run_tool('train', 'config.py', '--overwrite')
    assert '--overwrite needs --resume' in capsys.readouterr().err
