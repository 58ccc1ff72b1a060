"""The configs of benchmarks run a model of any classes on them."""
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS, METRICS, RUNNERS
from mmseg.visualization import SegLocalVisualizer
from PIL import Image

from mmseg_anomaly.datasets.benchmarks.catalog import BENCHMARKS

FOLDER = Path(__file__).resolve().parents[1] / 'configs' / 'benchmarks'
NAMES = sorted(path.stem for path in FOLDER.glob('*.py'))


def test_every_benchmark__has_a_config():
    assert sorted(BENCHMARKS) == NAMES
    for name in NAMES:
        assert f'`{name}.py`' in (FOLDER / 'README.md').read_text()


@pytest.mark.parametrize('name', NAMES)
def test_config__builds_what_the_table_says(name):
    init_default_scope('mmseg')
    cfg = Config.fromfile(FOLDER / f'{name}.py')
    dataset_cfg = cfg.test_dataloader.dataset
    benchmark = BENCHMARKS[name]
    assert dataset_cfg.type == benchmark.type
    assert Path(dataset_cfg.data_root).name in benchmark.folders
    assert benchmark.settings.items() <= dict(dataset_cfg).items()
    dataset = DATASETS.build(dict(dataset_cfg, lazy_init=True))
    assert dataset.split.length == int(
        next(line for line in (FOLDER / 'README.md').read_text().splitlines()
             if f'`{name}.py`' in line).split('|')[3])
    for metric in cfg.test_evaluator:
        METRICS.build(metric)


@pytest.fixture
def runner_cfg(tmp_path):
    """A tiny model of three classes on ten images of RoadAnomaly21."""
    for index in range(10):
        label = np.zeros((16, 16), np.uint8)
        label[:4], label[4:6] = 1, 255
        for part, image in (
                ('images', Image.new('RGB', (16, 16), (index, 9, 9))),
                ('labels_masks', Image.fromarray(label))):
            (tmp_path / part).mkdir(exist_ok=True)
            image.save(tmp_path / part / f'{index}.png')
    base = FOLDER.parent / '_base_' / 'default_runtime.py'
    config = tmp_path / 'test.py'
    config.write_text(f"""
_base_ = '{base}'
test_evaluator = [dict(type='SemanticIoUMetric'), dict(type='AnomalyMetric')]
test_cfg = dict(type='TestLoop')
model = dict(
    type='SlideInferenceWithStitch',
    data_preprocessor=dict(
        type='SegDataPreProcessor', mean=[0., 0., 0.], std=[255., 255., 255.],
        size=(16, 16)),
    backbone=dict(
        type='ResNet', depth=18, base_channels=4, stem_channels=4,
        num_stages=2, strides=(1, 1), dilations=(1, 1), out_indices=(1, ),
        norm_cfg=dict(type='BN')),
    decode_head=dict(
        type='FCNHead', in_channels=8, channels=4, num_convs=1,
        num_classes=3, norm_cfg=dict(type='BN')),
    test_cfg=dict(mode='slide', crop_size=(16, 16), scorer=['softmax_msp']))
""")
    cfg = Config.fromfile(config)
    cfg.test_dataloader = Config.fromfile(
        FOLDER / 'road_anomaly21.py').test_dataloader
    cfg.test_dataloader.dataset.data_root = str(tmp_path)
    cfg.test_dataloader.update(num_workers=0, persistent_workers=False)
    cfg.default_hooks.visualization.draw = True
    cfg.visualizer.vis_backends = [dict(type='LocalVisBackend')]
    cfg.work_dir = str(tmp_path / 'work_dir')
    return cfg


def test_benchmark__runs_a_model_of_any_classes(runner_cfg, tmp_path):
    for visualizer in [SegLocalVisualizer,
                       *SegLocalVisualizer.__subclasses__()]:
        visualizer._instance_dict.clear()
    metrics = RUNNERS.build(runner_cfg).test()
    assert 'mIoU' not in metrics
    assert 0 <= metrics['anomaly/AuPRC'] <= 100
    pictures = list((tmp_path / 'work_dir').rglob('test_*.png'))
    assert len(pictures) == 10
