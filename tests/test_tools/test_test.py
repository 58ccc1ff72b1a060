"""tools/test.py by real tests of a real, tiny checkpoint."""
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mmseg_anomaly.engine import load_from_local
from mmseg_anomaly.file_hash import sha256_of
from mmseg_anomaly.visualization.class_legend import ClassLegend


@pytest.fixture
def checkpoint(tiny_config, tmp_path_factory, run_tool) -> Path:
    """Trained by the first test that asks for it."""
    work_dir = tmp_path_factory.getbasetemp() / 'trained_for_test_test'
    path = work_dir / 'iter_2.pth'
    if not path.is_file():
        run_tool('train', tiny_config, '--work-dir', work_dir,
                 '--cfg-options', 'train_cfg.max_iters=2')
    return path


def test_out__writes_predictions_beside_a_list_of_metrics(
        tiny_config, tmp_path, run_tool, checkpoint):
    run_tool('test', tiny_config, checkpoint, '--out', tmp_path / 'out')

    files = sorted((tmp_path / 'out').glob('*.png'))
    assert [file.stem for file in files] == ['0', '1', '2', '3', '4']
    assert np.asarray(Image.open(files[0])).shape == (16, 16)
    assert set(np.unique(Image.open(files[0]))) <= {0, 1, 2}


def test_out__keeps_images_of_one_stem_apart(
        tiny_config, tmp_path, run_tool, checkpoint):
    for kind in ('images', 'labels'):
        folder = tmp_path / 'data/val' / kind
        for number in range(2):
            (folder / f't{number}').mkdir()
            (folder / f'{number}.png').rename(folder / f't{number}/0.png')
    run_tool('test', tiny_config, checkpoint, '--out', tmp_path / 'out',
             '--show-dir', 'painted')

    names = sorted(path.relative_to(tmp_path / 'out').as_posix()
                   for path in (tmp_path / 'out').rglob('*.png'))
    assert names == ['2.png', '3.png', '4.png', 't0/0.png', 't1/0.png']
    assert len(list(tmp_path.glob('painted/**/*.png'))) == 5


def test_show_dir__takes_names_of_any_bytes(
        tiny_config, tmp_path, run_tool, checkpoint):
    name = os.fsdecode(b'stra\xdfe\n')  # Latin-1: OpenCV ends the process
    for kind in ('images', 'labels'):
        folder = tmp_path / 'data/val' / kind
        (folder / '4.png').rename(folder / f'{name}.png')
    run_tool('test', tiny_config, checkpoint, '--out', tmp_path / 'out',
             '--show-dir', 'painted')
    assert len(list(tmp_path.glob('painted/**/*.png'))) == 5
    assert (tmp_path / 'out' / f'{name}.png').is_file()


def test_out__needs_a_metric_that_writes(tiny_config, run_tool):
    with pytest.raises(ValueError, match=r"--out needs a metric that writes .*"
                       r"got \['ComponentMetric'\]"):
        run_tool('test', tiny_config, 'unread.pth', '--out', 'out',
                 '--cfg-options', 'test_evaluator.type=ComponentMetric',
                 'test_evaluator._delete_=True')


def test_amp__computes_in_bfloat16_on_the_cpu(
        tiny_config, run_tool, checkpoint):
    seen = []
    hook = torch.nn.modules.module.register_module_forward_hook(
        lambda module, _, output: seen.append(output.dtype)
        if isinstance(module, torch.nn.Conv2d) else None)
    try:
        run_tool('test', tiny_config, checkpoint, '--amp')
    finally:
        hook.remove()
    assert set(seen) == {torch.bfloat16}


def test_checkpoint__names_the_keys_that_do_not_fit(
        tiny_config, tmp_path, run_tool, checkpoint):
    content = load_from_local(checkpoint)
    del content['state_dict']['decode_head.conv_seg.bias']
    torch.save(content, tmp_path / 'other.pth')

    with pytest.raises(RuntimeError,
                       match='missing in the file: decode_head.conv_seg.bias'):
        run_tool('test', tiny_config, tmp_path / 'other.pth')

    run_tool('test', tiny_config, tmp_path / 'other.pth', '--cfg-options',
             'allow_missing=["decode_head.conv_seg.bias"]')


def test_tta__runs_every_version_of_each_image(
        tiny_config, run_tool, checkpoint, monkeypatch):
    seen = []
    hook = torch.nn.modules.module.register_module_forward_hook(
        lambda module, _, output: seen.append(len(output))
        if type(module).__name__ == 'ResNet' else None)
    try:
        run_tool('test', tiny_config, checkpoint, '--tta')
    finally:
        hook.remove()
    assert sum(seen) == 2 * 5


def test_tta__needs_a_pipeline(tiny_config, run_tool, checkpoint):
    with pytest.raises(ValueError, match='--tta needs `tta_pipeline`'):
        run_tool('test', tiny_config, checkpoint, '--tta', '--cfg-options',
                 'tta_pipeline=None')


def test_show_dir__leaves_a_picture_of_each_image(
        tiny_config, tmp_path, run_tool, checkpoint):
    run_tool('test', tiny_config, checkpoint, '--work-dir', tmp_path / 'work',
             '--show-dir', 'painted')
    names = sorted(path.name for path in tmp_path.glob('painted/**/*.png'))
    assert names == [f'test_{i:05d}_{i}_0.png' for i in range(5)]


@pytest.mark.parametrize(('removed', 'message'), [
    ('default_hooks.visualization', 'need a `visualization` entry'),
    ('default_hooks', 'need a `visualization` entry'),
    ('visualizer', 'need a `visualizer` in the config')])
def test_show_dir__names_what_the_config_lacks(
        removed, message, tiny_config, run_tool):
    with pytest.raises(ValueError, match=message):
        run_tool('test', tiny_config, 'unread.pth', '--show-dir', 'painted',
                 '--cfg-options', f'{removed}=None')


@pytest.mark.parametrize('missing', ['default_hooks', 'visualizer'])
def test_show__without_default_runtime(missing, tmp_path, run_tool):
    entries = {
        'default_hooks': {'visualization':
                          {'type': 'AnomalyVisualizationHook'}},
        'visualizer': {'type': 'AnomalyLocalVisualizer'},
        'model': {'type': 'SlideInferenceWithStitch'}
    }
    del entries[missing]
    config = tmp_path / 'bare.py'
    config.write_text(
        ''.join(f'{key} = {value}\n' for key, value in entries.items()))
    with pytest.raises(ValueError, match='--show and --show-dir need a'):
        run_tool('test', config, 'unread.pth', '--show')


def test_save_heatmaps__as_the_official_code_reads_them(
        tiny_config, tmp_path, run_tool, checkpoint, read_metrics):
    pytest.importorskip('h5py')
    run_tool('test', tiny_config, checkpoint, '--work-dir', tmp_path / 'work',
             '--save-heatmaps', tmp_path / 'maps')
    folder = tmp_path / 'maps' / 'anomaly_p'
    assert sorted(path.relative_to(folder).as_posix()
                  for path in folder.rglob('*.hdf5')) == [
        f'tiny_{scorer}/dataset/{i}.hdf5'
        for scorer in ('energy', 'softmax_msp') for i in range(5)]
    metrics = read_metrics(tmp_path / 'work')
    assert metrics['float16/energy/AuPRC'] == pytest.approx(
        metrics['anomaly/energy/AuPRC'], abs=1.)


def test_save_heatmaps__of_images_whose_labels_are_hidden(
        tiny_config, tmp_path, run_tool, checkpoint):
    pytest.importorskip('h5py')
    for name in [f'cow{index:04}' for index in range(100)]:
        for path in (tmp_path / f'track/images/{name}.jpg',
                     tmp_path / f'track/labels_masks/{name}.png'):
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new('RGB', (16, 16)).save(path)  # the labels are dummies
    config = tiny_config.with_name('hidden.py')
    config.write_text(
        "_base_ = ['tiny.py']\n"
        "test_dataloader = dict(dataset=dict(_delete_=True, split='test', "
        "type='RoadAnomaly21Dataset', with_labels=False, "
        f"data_root='{tmp_path}/track', pipeline=[_base_.loader, "
        "dict(type='LoadCheckedAnnotations', num_classes=3), "
        "dict(type='PackSegInputs')]))\n")
    run_tool('test', config, checkpoint, '--work-dir', tmp_path / 'work',
             '--save-heatmaps', tmp_path / 'maps')
    folder = tmp_path / 'maps/anomaly_p/hidden_energy/AnomalyTrack-all'
    assert sorted(path.stem for path in folder.iterdir()) == [
        f'cow{index:04}' for index in range(100)]


def test_components__refuse_the_threshold_of_another_checkpoint(
        tiny_config, tmp_path, run_tool, checkpoint):
    threshold = tmp_path / 'other.threshold.json'
    threshold.write_text(json.dumps(dict(
        scorer='energy', threshold=0., checkpoint_sha256='0' * 64)))
    config = tiny_config.with_name('components.py')
    config.write_text(
        "_base_ = ['tiny.py']\ntest_evaluator = [dict(type='AnomalyMetric'), "
        f"dict(type='ComponentMetric', threshold='{threshold}')]\n")
    with pytest.raises(ValueError, match='chosen for another checkpoint'):
        run_tool('test', config, checkpoint, '--work-dir', tmp_path / 'work')

    threshold.write_text(json.dumps(dict(
        scorer='energy', threshold=0., head_sha256='0' * 64,
        checkpoint_sha256=sha256_of(checkpoint))))
    with pytest.raises(ValueError, match='chosen for another pixel head'):
        run_tool('test', config, checkpoint, '--work-dir', tmp_path / 'work')
    head = tmp_path / 'head.pth'
    head.write_bytes(b'another')
    config.write_text(
        config.read_text() +
        f"custom_hooks = [dict(type='AttachHeadHook', head='{head}')]\n")
    with pytest.raises(ValueError, match=r'pixel head .*head\.pth'):
        run_tool('test', config, checkpoint, '--work-dir', tmp_path / 'work')


@pytest.fixture
def unlabelled(tiny_config, tmp_path):
    """The images of the tiny config alone."""
    config = tiny_config.with_name('pictures.py')
    config.write_text(
        "_base_ = ['tiny.py']\n"
        'test_dataloader = dict(dataset=dict(data_prefix=dict('
        f"_delete_=True, img_path='{tmp_path}/data/val/images')))\n")
    return config


@pytest.mark.parametrize('options', [(), ('--tta', )])
def test_pictures_without_labels__are_written_and_not_measured(
        options, unlabelled, tmp_path, run_tool, checkpoint, read_metrics):
    pytest.importorskip('h5py')
    run_tool('test', unlabelled, checkpoint, '--work-dir', tmp_path / 'work',
             '--out', tmp_path / 'out', '--show-dir', tmp_path / 'painted',
             '--save-heatmaps', tmp_path / 'maps', *options)
    assert len(list((tmp_path / 'out').glob('*.png'))) == 5
    assert len(list((tmp_path / 'out').glob('*.npy'))) == 5
    assert len(list((tmp_path / 'painted').rglob('*.png'))) == 5
    assert len(list((tmp_path / 'maps').rglob('*.hdf5'))) == 10
    assert read_metrics(tmp_path / 'work') == {}
    log = next((tmp_path / 'work').glob('*/*.log')).read_text()
    assert 'have no labels: results were written, and there are' in log


def test_pictures_without_labels__need_something_to_write(
        unlabelled, run_tool, checkpoint):
    with pytest.raises(ValueError, match='have no labels, so nothing can be '
                       'measured: give --out, --show-dir or --save-heatmaps'):
        run_tool('test', unlabelled, checkpoint)


def test_show_dir__names_classes_of_the_model_on_a_benchmark(
        tiny_config, tmp_path, run_tool, checkpoint, data_root, monkeypatch):
    drawn = []
    monkeypatch.setattr(ClassLegend, 'entries',
                        lambda self: drawn.append(self._metas) or [])
    config = tiny_config.with_name('benchmark.py')
    config.write_text(
        "_base_ = ['tiny.py']\n"
        "test_dataloader = dict(dataset=dict(_delete_=True, "
        f"type='RoadAnomaly21Dataset', data_root='{data_root}/RoadAnomaly21',"
        ' pipeline=[_base_.loader, '
        "dict(type='LoadCheckedAnnotations', num_classes=3), "
        "dict(type='PackSegInputs')]))\n")
    run_tool('test', config, checkpoint, '--work-dir', tmp_path / 'work',
             '--show-dir', 'painted')
    assert len(drawn) == 10
    assert {metas['pred_sem_seg']['classes'] for metas in drawn} == {
        ('dark', 'bright', 'other')}
    assert {metas['gt_sem_seg']['classes'] for metas in drawn} == {()}
