"""tools/dist_*.sh with two real processes, joined by gloo on the CPU."""
import socket
import subprocess

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS

from mmseg_anomaly.engine import load_from_local
from mmseg_anomaly.engine.head_checkpoint import base_of


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return listener.getsockname()[1]


def finish(process: subprocess.Popen) -> str:
    try:
        output, _ = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 0, output
    return output


def test_dist__two_processes_agree_with_one(
        tiny_eomt_config, tmp_path, run_tool, start_tool, read_metrics,
        monkeypatch):
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
    monkeypatch.setenv('PORT', str(free_port()))
    trained = tmp_path / 'trained'
    output = finish(start_tool('dist_train.sh', tiny_eomt_config, 2,
                               '--work-dir', trained))
    assert 'Distributed training: True' in output
    checkpoint = trained / 'iter_4.pth'
    assert load_from_local(checkpoint)['meta']['iter'] == 4

    # 5 images, so that one of the two processes is given one twice.
    monkeypatch.setenv('PORT', str(free_port()))
    finish(start_tool('dist_test.sh', tiny_eomt_config, checkpoint, 2,
                      '--work-dir', tmp_path / 'two'))
    run_tool('test', tiny_eomt_config, checkpoint,
             '--work-dir', tmp_path / 'one')

    two, one = read_metrics(tmp_path / 'two'), read_metrics(tmp_path / 'one')
    assert two == one
    assert {'mIoU', 'anomaly/AuPRC', 'anomaly/energy/FPR95'} <= set(one)


def test_dist__trains_a_pixel_head(
        tiny_eomt_config, tiny_pixel_head_config, tmp_path, start_tool,
        monkeypatch):
    init_default_scope('mmseg')
    model = MODELS.build(Config.fromfile(tiny_eomt_config).model)
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'plain.pth')
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
    monkeypatch.setenv('PORT', str(free_port()))

    finish(start_tool('dist_train.sh', tiny_pixel_head_config, 2,
                      '--work-dir', tmp_path / 'head'))

    trained = load_from_local(tmp_path / 'head' / 'iter_4.pth')
    for name, value in base_of(trained['state_dict']).items():
        assert torch.equal(value, model.state_dict()[name])


@pytest.mark.parametrize(('name', 'arguments'), [
    ('train', ['a config.py']), ('test', ['a config.py', 'a.pth'])])
def test_slurm__hands_its_arguments_to_srun(
        name, arguments, tmp_path, start_tool, monkeypatch):
    srun = tmp_path / 'bin' / 'srun'
    srun.parent.mkdir()
    srun.write_text('#!/usr/bin/env bash\nprintf "<%s>" "$@"\n')
    srun.chmod(0o755)
    monkeypatch.setenv('PATH', str(srun.parent), prepend=':')
    monkeypatch.setenv('GPUS', '2')
    monkeypatch.setenv('SRUN_ARGS', '--gres=none --quiet')

    output = finish(start_tool(f'slurm_{name}.sh', 'part', 'job', *arguments,
                               '--work-dir', 'a dir'))

    command = output.splitlines()[-1]
    assert command.startswith('<-p><part><--job-name=job>')
    assert '<--ntasks=2>' in command
    assert '<--gres=none><--quiet><python><-u>' in command
    assert command.endswith(
        f'/{name}.py>' + ''.join(f'<{argument}>' for argument in arguments)
        + '<--launcher=slurm><--work-dir><a dir>')
