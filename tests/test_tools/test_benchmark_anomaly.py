"""tools/benchmark_anomaly.py on tiny benchmarks, with a real, tiny EoMT."""
import csv
import json
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from PIL import Image
from test_evaluation.conftest import read_heatmap

from mmseg_anomaly.engine.command_line import is_first_process
from mmseg_anomaly.engine.head_checkpoint import extract_head, write_head
from mmseg_anomaly.evaluation import ScoreHistogram, rank_pixels
from mmseg_anomaly.file_hash import sha256_of

ALL_SCORERS = ['msp', 'softmax_msp', 'max_logit', 'entropy', 'sum_entropy',
               'energy', 'rba', 'eam']

CHECKED_CONFIG = """
_base_ = ['tiny_eomt.py']
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='ResizeToWindow', window_size=(16, 16)),
    dict(type='LoadCheckedAnnotations', num_classes=3),
    dict(type='PackSegInputs')]
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
"""


def write_benchmark(folder: Path, count: int, seed: int) -> None:
    """Write images and masks in the layout of 'Validation_Dataset'."""
    rng = np.random.default_rng(seed)
    for kind in ('images', 'labels_masks'):
        (folder / kind).mkdir(parents=True)
    for index in range(count):
        label = np.zeros((16, 24), np.uint8)
        label[:11, 1 + index % 8:18] = 1  # at least 110 pixels
        label[14:] = 255
        image = rng.integers(0, 255, (16, 24, 3), dtype=np.uint8)
        image[label == 1] //= 3
        Image.fromarray(image).save(folder / f'images/{index}.png')
        Image.fromarray(label).save(folder / f'labels_masks/{index}.png')


@pytest.fixture
def data_root(tmp_path: Path) -> Path:
    """Two complete benchmarks of tiny images."""
    root = tmp_path / 'benchmarks'
    write_benchmark(root / 'RoadAnomaly21', 10, seed=1)
    write_benchmark(root / 'RoadObsticle21', 30, seed=2)
    return root


@pytest.fixture
def config(tiny_eomt_config: Path) -> Path:
    """The tiny EoMT with a pipeline that checks labels."""
    path = tiny_eomt_config.with_name('checked.py')
    path.write_text(CHECKED_CONFIG)
    return path


@pytest.fixture
def checkpoint(config: Path) -> Path:
    """Random weights, which rank pixels somehow."""
    init_default_scope('mmseg')
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(config).model)
    path = config.with_name('random.pth')
    torch.save(dict(state_dict=model.state_dict()), path)
    return path


def test_benchmark__evaluates_every_scorer_on_what_it_finds(
        config, checkpoint, data_root, tmp_path, run_tool):
    run_tool('benchmark_anomaly', config, checkpoint, '--data-root',
             data_root, '--work-dir', tmp_path / 'work')

    results = json.loads((tmp_path / 'work/results.json').read_text())
    assert list(results['datasets']) == ['road_anomaly21', 'road_obstacle21']
    assert list(results['formulas']) == ALL_SCORERS
    for found in results['datasets'].values():
        assert list(found['scorers']) == ALL_SCORERS
    assert results['datasets']['road_anomaly21']['num_images'] == 10


def test_benchmark__numbers_are_those_of_tools_test(
        config, checkpoint, data_root, tmp_path, run_tool, read_metrics):
    run_tool('benchmark_anomaly', config, checkpoint, '--data-root',
             data_root, '--work-dir', tmp_path / 'work', '--datasets',
             'road_anomaly21')
    own = config.with_name('own.py')
    own.write_text(
        "_base_ = ['checked.py']\n"
        "test_dataloader = dict(dataset=dict(_delete_=True, "
        f"type='RoadAnomaly21Dataset', data_root='{data_root}/RoadAnomaly21',"
        ' pipeline=_base_.test_pipeline))\n'
        "test_evaluator = dict(_delete_=True, type='AnomalyMetric')\n"
        f'model = dict(test_cfg=dict(scorer={ALL_SCORERS}))\n')
    run_tool('test', own, checkpoint, '--work-dir', tmp_path / 'test')
    expected = read_metrics(tmp_path / 'test')

    results = json.loads((tmp_path / 'work/results.json').read_text())
    for scorer, found in results['datasets']['road_anomaly21'][
            'scorers'].items():
        for metric, value in found['values'].items():
            assert expected[f'anomaly/{scorer}/{metric}'] == value


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


def test_benchmark__says_that_a_set_without_broken_images_is_partial(
        config, checkpoint, data_root, tmp_path, run_tool):
    broken = data_root / 'RoadAnomaly21/images/7.png'
    broken.write_bytes(broken.read_bytes()[:-40])
    run_tool('benchmark_anomaly', config, checkpoint, '--data-root',
             data_root, '--work-dir', tmp_path / 'work', '--datasets',
             'road_anomaly21', '--scorers', 'rba', '--skip-broken')
    results = json.loads((tmp_path / 'work/results.json').read_text())
    found = results['datasets']['road_anomaly21']
    assert found['num_images'] == 9
    assert "left out: ['7']" in found['facts']['partial']
    text = (tmp_path / 'work/results.md').read_text()
    assert 'RoadAnomaly21 val (partial) AuPRC' in text
    lines = list(csv.DictReader((tmp_path / 'work/results.csv').open()))
    assert '7' in lines[0]['partial']


def test_benchmark__skips_broken_images_of_own_sets_too(
        config, checkpoint, tmp_path, run_tool):
    root = tmp_path / 'benchmarks'
    write_own_set(root / 'mine', 2)
    broken = root / 'mine/images/1.png'
    broken.write_bytes(broken.read_bytes()[:-40])
    run_tool('benchmark_anomaly', config, checkpoint, '--data-root', root,
             '--work-dir', tmp_path / 'work', '--scorers', 'rba',
             '--skip-broken')
    results = json.loads((tmp_path / 'work/results.json').read_text())
    found = results['datasets']['mine']
    assert found['num_images'] == 1
    assert "left out: ['1']" in found['facts']['partial']


def test_benchmark__heat_maps_give_the_numbers_of_the_run(
        config, checkpoint, data_root, tmp_path, run_tool):
    pytest.importorskip('h5py')
    run_tool('benchmark_anomaly', config, checkpoint, '--data-root',
             data_root, '--work-dir', tmp_path / 'work', '--datasets',
             'road_anomaly21', '--scorers', 'rba', 'msp',
             '--save-heatmaps', tmp_path / 'maps')
    run = json.loads(
        (tmp_path / 'work/road_anomaly21/run.json').read_text())['metrics']
    for scorer in ('rba', 'msp'):
        folder = tmp_path / 'maps/anomaly_p' / f'checked_{scorer}'
        counted = ScoreHistogram()
        for path in (folder / 'RoadAnomaly21').glob('*.hdf5'):
            label = np.asarray(Image.open(
                data_root / f'RoadAnomaly21/labels_masks/{path.stem}.png'))
            counted.update(read_heatmap(path), label, str(path))
        values = rank_pixels(counted.to_counts()).values
        for metric, value in values.items():
            assert value == run[f'float16/{scorer}/{metric}']
            assert value == pytest.approx(
                run[f'anomaly/{scorer}/{metric}'], abs=1.)


def test_benchmark__components_and_confidence_intervals(
        config, checkpoint, data_root, tmp_path, run_tool):
    run_tool('benchmark_anomaly', config, checkpoint, '--data-root',
             data_root, '--work-dir', tmp_path / 'work', '--datasets',
             'road_anomaly21', '--scorers', 'rba', '--components',
             '--bootstrap', '20', '--per-image')
    results = json.loads((tmp_path / 'work/results.json').read_text())
    found = results['datasets']['road_anomaly21']
    assert found['bootstrap']['replicates'] == 20
    low, high = found['scorers']['rba']['intervals']['AuPRC']
    assert low <= found['scorers']['rba']['values']['AuPRC'] <= high
    assert len(found['scorers']['rba']['images']) == 10
    assert list(found['scorers']['rba']['components']) == [
        'sIoU', 'PPV', 'F1*']
    assert 'RoadAnomaly21 val F1*' in (
        tmp_path / 'work/results.md').read_text()


def test_benchmark__components_above_a_threshold_of_ones_own(
        config, checkpoint, data_root, tmp_path, run_tool):
    path = tmp_path / 'random.threshold.json'
    content = dict(scorer='rba', threshold=1e9,
                   checkpoint_sha256=sha256_of(checkpoint))
    path.write_text(json.dumps(content))
    arguments = ('benchmark_anomaly', config, checkpoint, '--data-root',
                 data_root, '--work-dir', tmp_path / 'work', '--datasets',
                 'road_anomaly21', '--threshold', path)
    run_tool(*arguments, '--scorers', 'msp', 'rba', '--components')
    results = json.loads((tmp_path / 'work/results.json').read_text())
    scorers = results['datasets']['road_anomaly21']['scorers']
    # nothing is above it, so nothing is found
    assert scorers['rba']['components'] == {'sIoU': 0, 'PPV': None, 'F1*': 0}
    assert scorers['msp']['components']['sIoU'] is None

    with pytest.raises(ValueError, match='add --components'):
        run_tool(*arguments)
    path.write_text(json.dumps(dict(content, checkpoint_sha256='0' * 64)))
    with pytest.raises(ValueError, match='chosen for another checkpoint'):
        run_tool(*arguments, '--components')
    path.write_text(json.dumps(dict(content, head_sha256='0' * 64)))
    head = tmp_path / 'head.pth'
    head.write_bytes(b'another')
    with pytest.raises(ValueError, match=r'another pixel head .*head\.pth'):
        run_tool(*arguments, '--components', '--cfg-options',
                 'custom_hooks.0.type=AttachHeadHook',
                 f'custom_hooks.0.head={head}')


def test_benchmark__needs_a_pipeline_that_checks_labels(
        tiny_eomt_config, checkpoint, data_root, run_tool):
    with pytest.raises(ValueError, match='must load labels by '
                       'LoadCheckedAnnotations'):
        run_tool('benchmark_anomaly', tiny_eomt_config, checkpoint,
                 '--data-root', data_root)


def test_benchmark__needs_a_checkpoint_that_is_there(
        config, data_root, run_tool):
    with pytest.raises(FileNotFoundError,
                       match='there is no checkpoint no.pth'):
        run_tool('benchmark_anomaly', config, 'no.pth', '--data-root',
                 data_root)


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


def write_own_set(folder: Path, count: int) -> None:
    """Write what make_static_benchmark.py would."""
    write_benchmark(folder, count, seed=3)
    (folder / 'labels_masks').rename(folder / 'annotations')
    for path in (folder / 'annotations').iterdir():
        label = np.asarray(Image.open(path))
        stored = np.select([label == 0, label == 1], [253, 254], 255)
        Image.fromarray(stored.astype(np.uint8)).save(path)
    names = [f'{index}.png' for index in range(count)]
    (folder / 'manifest.json').write_text(json.dumps(dict(
        classes=['dark', 'bright', 'other'], palette=[[0, 0, 0]] * 3,
        images=[dict(image=f'images/{name}', annotation=f'annotations/{name}')
                for name in names])))


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
