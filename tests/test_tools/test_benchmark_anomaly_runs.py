"""Stopping, continuing and sharing a run of tools/benchmark_anomaly.py."""
import json
import socket

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from test_tools.conftest import (
    ALL_SCORERS,
    CHECKED_CONFIG,
    write_own_set,
)

from mmseg_anomaly.engine.command_line import is_first_process
from mmseg_anomaly.engine.head_checkpoint import extract_head, write_head
from mmseg_anomaly.file_hash import sha256_of


def test_benchmark__goes_on_where_it_stopped(
        config, checkpoint, data_root, tmp_path, run_tool, capsys):
    arguments = ('benchmark_anomaly', config, checkpoint, '--data-root',
                 data_root, '--work-dir', tmp_path / 'work')
    broken = data_root / 'RoadObsticle21/images/7.png'
    content = broken.read_bytes()
    broken.write_bytes(content[:-40])
    with pytest.raises(ValueError, match='7.png of .* is broken'):
        run_tool(*arguments, '--scorers', 'rba')
    results = tmp_path / 'work/results.json'
    assert list(json.loads(results.read_text())['datasets']) == [
        'road_anomaly21']

    broken.write_bytes(content)
    forwards = count_forwards(
        lambda: run_tool(*arguments, '--scorers', 'rba'))
    assert forwards == 30
    assert 'road_anomaly21 was finished before' in capsys.readouterr().out
    assert list(json.loads(results.read_text())['datasets']) == [
        'road_anomaly21', 'road_obstacle21']
    assert count_forwards(
        lambda: run_tool(*arguments, '--scorers', 'rba')) == 0


@pytest.mark.parametrize('flags', [
    (), ('--allow-partial', ),
    ('--cfg-options', 'test_dataloader.dataset.allow_partial=True')])
def test_benchmark__reports_a_missing_set_after_the_others(
        flags, config, checkpoint, tmp_path, run_tool):
    for name in ('first', 'second'):
        write_own_set(tmp_path / 'benchmarks' / name, 2)
    (tmp_path / 'benchmarks/first/images/1.png').unlink()
    arguments = ('benchmark_anomaly', config, checkpoint, '--data-root',
                 tmp_path / 'benchmarks', '--work-dir', tmp_path / 'work',
                 '--scorers', 'rba', *flags)
    if flags:
        run_tool(*arguments)
        results = json.loads((tmp_path / 'work/results.json').read_text())
        assert results['datasets']['first']['num_images'] == 1
        return
    with pytest.raises(ValueError, match='1 of 2 datasets are missing in .*'
                       'results.md: first: .*images/1.png is missing.*'
                       '`allow_partial=True`'):
        run_tool(*arguments)
    results = json.loads((tmp_path / 'work/results.json').read_text())
    assert list(results['datasets']) == ['second']
    assert '1.png' in results['missing']['first']
    table = (tmp_path / 'work/results.md').read_text()
    assert 'first (missing) AuPRC' in table
    assert 'images/1.png is missing' in table


def test_benchmark__says_so_if_every_set_is_missing(
        config, checkpoint, tmp_path, run_tool):
    write_own_set(tmp_path / 'benchmarks/mine', 2)
    (tmp_path / 'benchmarks/mine/images/1.png').unlink()
    with pytest.raises(ValueError, match='1 of 1 datasets are missing'):
        run_tool('benchmark_anomaly', config, checkpoint, '--data-root',
                 tmp_path / 'benchmarks', '--work-dir', tmp_path / 'work')
    assert '1.png is missing' in (tmp_path / 'work/results.md').read_text()


def test_benchmark__runs_again_with_another_pixel_head(
        tiny_pixel_head_config, config, data_root, tmp_path, run_tool,
        capsys):
    init_default_scope('mmseg')
    head_config = tiny_pixel_head_config.with_name('head.py')
    head_config.write_text(
        CHECKED_CONFIG.replace('tiny_eomt.py', 'tiny_pixel_head.py'))
    model = MODELS.build(Config.fromfile(config).model)
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'plain.pth')
    state_dict = {key.replace('decode_head.', 'decode_head.semantic_head.'):
                  value for key, value in model.state_dict().items()}
    for seed in (0, 1):
        torch.manual_seed(seed)
        mlp = MODELS.build(
            Config.fromfile(head_config).model).decode_head.mlp.state_dict()
        whole = state_dict | {f'decode_head.mlp.{key}': value
                              for key, value in mlp.items()}
        write_head(tmp_path / 'head.safetensors',
                   extract_head(whole, 'plain.pth'))
        assert count_forwards(lambda: run_tool(
            'benchmark_anomaly', head_config, tmp_path / 'plain.pth',
            '--data-root', data_root, '--work-dir', tmp_path / 'work',
            '--datasets', 'road_anomaly21', '--scorers', 'pixel_head',
            '--cfg-options',
            f'custom_hooks.0.head={tmp_path / "head.safetensors"}')) == 10
    assert 'for this changed: head_sha256' in capsys.readouterr().out
    results = json.loads((tmp_path / 'work/results.json').read_text())
    assert results['model']['head_sha256'] == sha256_of(
        tmp_path / 'head.safetensors')


def count_forwards(run) -> int:
    """Count the images that a backbone sees."""
    seen = []
    hook = torch.nn.modules.module.register_module_forward_hook(
        lambda module, inputs, _: seen.append(1)
        if type(module).__name__ == 'EoMTViT' else None)
    try:
        run()
    finally:
        hook.remove()
    return len(seen)


def test_benchmark__runs_again_what_changed(
        config, checkpoint, data_root, tmp_path, run_tool, capsys):
    arguments = ('benchmark_anomaly', config, checkpoint, '--data-root',
                 data_root, '--work-dir', tmp_path / 'work', '--datasets',
                 'road_anomaly21')
    run_tool(*arguments, '--scorers', 'rba')
    capsys.readouterr()
    for change, said in (
            (('--scorers', 'rba', 'energy:temperature=0.5'),
             "scorers: ['-sum_c tanh(S_c)'] -> "),
            (('--scorers', 'rba', '--cfg-options',
              'model.test_cfg.window_weight=hann'), 'model: '),
            (('--scorers', 'rba', '--amp'), "'fp16': True")):
        assert count_forwards(
            lambda change=change: run_tool(*arguments, *change)) == 10
        output = capsys.readouterr().out
        assert 'road_anomaly21 is run again, for this changed' in output
        assert said in output
    content = torch.load(checkpoint)
    torch.save(dict(content, meta={}), checkpoint)
    assert count_forwards(
        lambda: run_tool(*arguments, '--scorers', 'rba', '--amp')) == 10
    assert 'checkpoint_sha256: ' in capsys.readouterr().out


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return listener.getsockname()[1]


def test_benchmark__two_processes_agree_with_one(
        config, checkpoint, tmp_path, run_tool, start_tool, monkeypatch):
    # 3 images, so that one of the two processes is given one twice
    root = tmp_path / 'benchmarks'
    write_own_set(root / 'mine', 3)
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
    monkeypatch.setenv('PORT', str(free_port()))
    process = start_tool(
        'dist_benchmark.sh', config, checkpoint, 2, '--data-root', root,
        '--work-dir', tmp_path / 'two', '--save-heatmaps', tmp_path / 'maps')
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    run_tool('benchmark_anomaly', config, checkpoint, '--data-root', root,
             '--work-dir', tmp_path / 'one')

    one, two = (
        json.loads((tmp_path / name / 'results.json').read_text())[
            'datasets']['mine'] for name in ('one', 'two'))
    assert one['num_images'] == 3
    assert list(one['scorers']) == ALL_SCORERS
    assert two['scorers'] == one['scorers']
    assert len(list((tmp_path / 'maps').rglob('*.hdf5'))) == 3 * 8


def test_benchmark__slurm_hands_its_arguments_to_srun(
        tmp_path, start_tool, monkeypatch):
    srun = tmp_path / 'bin' / 'srun'
    srun.parent.mkdir()
    srun.write_text('#!/usr/bin/env bash\nprintf "<%s>" "$@"\n')
    srun.chmod(0o755)
    monkeypatch.setenv('PATH', str(srun.parent), prepend=':')
    monkeypatch.setenv('GPUS', '2')
    output, _ = start_tool(
        'slurm_benchmark.sh', 'part', 'job', 'a config.py', 'a.pth',
        '--data-root', 'a dir').communicate(timeout=60)
    command = output.splitlines()[-1]
    assert command.startswith('<-p><part><--job-name=job>')
    assert '<--ntasks=2>' in command
    assert command.endswith('/benchmark_anomaly.py><a config.py><a.pth>'
                            '<--launcher=slurm><--data-root><a dir>')


@pytest.mark.parametrize(('launcher', 'environment', 'expected'), [
    ('none', {}, True), ('pytorch', {'RANK': '0'}, True),
    ('pytorch', {'RANK': '1'}, False), ('slurm', {'SLURM_PROCID': '1'}, False)
])
def test_is_first_process__before_the_processes_met(
        launcher, environment, expected, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert is_first_process(launcher) is expected
