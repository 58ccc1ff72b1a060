"""How the runner is found, and processes each other without a GPU."""
import subprocess

import mmengine.registry
import mmseg.registry
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mmseg_anomaly.engine import AnomalyRunner, runner
from mmseg_anomaly.engine.runner import init_cpu_process_group


@pytest.fixture
def joined(monkeypatch):
    calls = []
    for name in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR',
                 'MASTER_PORT'):
        monkeypatch.setenv(name, 'unset')
        monkeypatch.delenv(name)
    monkeypatch.setattr(torch.distributed, 'init_process_group',
                        lambda *args, **kwargs: calls.append((args, kwargs)))
    return calls


def test_init__reads_torchrun(joined, monkeypatch):
    for name in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK'):
        monkeypatch.setenv(name, '1')
    init_cpu_process_group('pytorch', timeout=60)
    (backend, ), options = joined[0]
    assert backend == 'gloo'
    assert options['timeout'].total_seconds() == 60
    assert runner.os.environ['MASTER_ADDR'] == '127.0.0.1'


def test_init__reads_slurm(joined, monkeypatch):
    monkeypatch.setenv('SLURM_PROCID', '3')
    monkeypatch.setenv('SLURM_NTASKS', '4')
    monkeypatch.setenv('SLURM_LOCALID', '1')
    monkeypatch.setenv('SLURM_NODELIST', 'node[1-2]')
    monkeypatch.setattr(
        subprocess, 'run', lambda command, **_: subprocess.CompletedProcess(
            command, 0, f'first of {command[-1]}\n'))
    init_cpu_process_group('slurm')
    names = ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR')
    assert [runner.os.environ[n] for n in names] == ['3', '4', '1', 'first']


def test_init__names_the_variable_that_is_absent(joined):
    with pytest.raises(KeyError, match="'pytorch' needs the .* RANK: start"):
        init_cpu_process_group('pytorch')


def test_init__names_the_launchers(joined):
    with pytest.raises(ValueError, match="'mpi', 'pytorch', 'slurm'.*'none'"):
        init_cpu_process_group('none')


@pytest.mark.parametrize('scope', [None, 'mmseg'])
@pytest.mark.parametrize('library', [mmengine, mmseg])
def test_runner__is_built_by_either_registry(
        library, scope, monkeypatch):
    monkeypatch.setattr(DefaultScope, '_instance_dict', {})
    if scope:
        DefaultScope.get_instance(scope, scope_name=scope)
    cfg = Config(dict(runner_type='AnomalyRunner', work_dir='here'))
    monkeypatch.setattr(AnomalyRunner, 'from_cfg', lambda cfg: cfg.work_dir)
    assert library.registry.RUNNERS.build(cfg) == 'here'


@pytest.mark.parametrize(('folder', 'name'), [
    ('.', '20260101.py'), ('work', 'mine.py')])
def test_runner__keeps_the_config_it_read(folder, name, tmp_path):
    path = tmp_path / 'mine.py'
    path.write_text('a = 1  # by hand')
    (tmp_path / 'work').mkdir()
    made = object.__new__(AnomalyRunner)
    made.cfg = Config.fromfile(path)
    made._work_dir = str(tmp_path / folder)
    made._timestamp = '20260101'
    made.dump_config()
    assert path.read_text() == 'a = 1  # by hand'
    assert Config.fromfile(tmp_path / folder / name).a == 1
