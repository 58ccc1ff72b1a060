"""A config and data so small that real trainings take a second."""
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from mmseg.visualization import SegLocalVisualizer
from PIL import Image

from mmseg_anomaly.labels import OUTLIER_INDEX

REPOSITORY = Path(__file__).resolve().parents[2]

CONFIG = """
_base_ = ['{base}']

crop_size = (16, 16)
classes = ('dark', 'bright', 'other')
loader = dict(type='LoadImageFromFile')
train_pipeline = [
    loader, dict(type='LoadAnnotations'),
    dict(type='RandomFlip', prob=0.5), dict(type='PackSegInputs')]
test_pipeline = [
    loader, dict(type='LoadAnnotations'), dict(type='PackSegInputs')]
tta_pipeline = [
    loader,
    dict(type='TestTimeAug', transforms=[
        [dict(type='RandomFlip', prob=0.), dict(type='RandomFlip', prob=1.)],
        [dict(type='LoadAnnotations')], [dict(type='PackSegInputs')]])]

def_dataset = dict(
    type='BaseSegDataset', metainfo=dict(classes=classes), img_suffix='.png',
    seg_map_suffix='.png', reduce_zero_label=False)
train_dataloader = dict(
    batch_size=2, num_workers=0,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(**def_dataset, pipeline=train_pipeline, data_prefix=dict(
        img_path='{data}/train/images', seg_map_path='{data}/train/labels')))
val_dataloader = dict(
    batch_size=1, num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**def_dataset, pipeline=test_pipeline, data_prefix=dict(
        img_path='{data}/val/images', seg_map_path='{data}/val/labels')))
test_dataloader = val_dataloader
val_evaluator = [dict(type='SemanticIoUMetric', iou_metrics=['mIoU']),
                 dict(type='AnomalyMetric')]
test_evaluator = val_evaluator

norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    type='SlideInferenceWithStitch',
    data_preprocessor=dict(
        type='SegDataPreProcessor', mean=[0., 0., 0.], std=[255., 255., 255.],
        size=crop_size),
    backbone=dict(
        type='ResNet', depth=18, base_channels=4, stem_channels=4,
        num_stages=2, strides=(1, 1), dilations=(1, 1), out_indices=(1, ),
        norm_cfg=norm_cfg),
    decode_head=dict(
        type='FCNHead', in_channels=8, channels=4, num_convs=1,
        num_classes=3, norm_cfg=norm_cfg),
    train_cfg=dict(), test_cfg=dict(mode='slide', crop_size=crop_size,
                  scorer=['softmax_msp', 'energy']))

optim_wrapper = dict(
    type='OptimWrapper', optimizer=dict(type='AdamW', lr=0.01))
param_scheduler = [dict(type='PolyLR', power=1.0, begin=0, end=101,
                        by_epoch=False)]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=4, val_interval=100)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
default_hooks = dict(
    logger=dict(interval=1), checkpoint=dict(interval=2))
randomness = dict(seed=0)
"""

EOMT_CONFIG = """
_base_ = ['tiny.py']

vit = dict(arch=dict(embed_dim=16, depth=3, num_heads=2), img_size=(16, 16),
           patch_size=4, num_joint_blocks=2, pretrained=None)
model = dict(
    backbone=dict(_delete_=True, type='EoMTViT', **vit),
    decode_head=dict(
        _delete_=True, type='EoMTDecodeHead', num_classes=3, num_queries=5,
        criterion=dict(num_points=32), query_losses=[dict(type='EIMLoss')],
        **vit))
optim_wrapper = dict(
    constructor='EoMTOptimWrapperConstructor',
    paramwise_cfg=dict(layer_decay=0.8))
param_scheduler = [dict(type='TwoStageWarmupPolyLR', warmup_iters=(2, 3),
                        power=0.9, begin=0, end=100, by_epoch=False)]
custom_hooks = [dict(type='AttnMaskAnnealingHook', power=1.0,
                     start_iters=(0, 10), end_iters=(100, 110))]
"""

PIXEL_HEAD_CONFIG = """
_base_ = ['tiny_eomt.py']

model = dict(
    backbone=dict(frozen=True),
    decode_head=dict(
        _delete_=True, type='PixelAnomalyHead', hidden_dim=8,
        semantic_head=_base_.model.decode_head),
    test_cfg=dict(scorer=['pixel_head', 'softmax_msp', 'energy']))
param_scheduler = []
# the label files hold 254 themselves
default_hooks = dict(first_look=dict(skip=['anomalies']))
custom_hooks = [dict(type='AttachHeadHook', head=None)]
load_from = 'plain.pth'
"""


def write_split(folder: Path, count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for kind in ('images', 'labels'):
        (folder / kind).mkdir(parents=True)
    for index in range(count):
        label = rng.integers(0, 2, (4, 4), dtype=np.uint8).repeat(
            4, axis=0).repeat(4, axis=1)
        label[:4, :5] = OUTLIER_INDEX
        image = np.uint8(label[..., None] == 1) * 120 + rng.integers(
            0, 130, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(image).save(folder / 'images' / f'{index}.png')
        Image.fromarray(label).save(folder / 'labels' / f'{index}.png')


@pytest.fixture
def tiny_config(tmp_path: Path) -> Path:
    """A config file with 4 images to train and 5 to test on."""
    data = tmp_path / 'data'
    write_split(data / 'train', 4, seed=1)
    write_split(data / 'val', 5, seed=2)
    config = tmp_path / 'tiny.py'
    base = REPOSITORY / 'configs' / '_base_' / 'default_runtime.py'
    config.write_text(CONFIG.format(base=base, data=data))
    return config


@pytest.fixture
def tiny_eomt_config(tiny_config: Path) -> Path:
    """The same data for EoMT, its optimizer, schedule and annealing."""
    config = tiny_config.with_name('tiny_eomt.py')
    config.write_text(EOMT_CONFIG)
    return config


@pytest.fixture
def tiny_pixel_head_config(tiny_eomt_config: Path) -> Path:
    """A pixel head on that EoMT, whose checkpoint `plain.pth` is beside it."""
    config = tiny_eomt_config.with_name('tiny_pixel_head.py')
    config.write_text(PIXEL_HEAD_CONFIG)
    return config


@pytest.fixture
def run_tool(monkeypatch: pytest.MonkeyPatch,
             tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Calls tools/NAME.py in this process, as the command line does.

    On one thread, as ``start_tool``: a network rounds otherwise with two.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv('LOCAL_RANK', raising=False)

    def run(name: str, *arguments: str | Path) -> None:
        path = REPOSITORY / 'tools' / f'{name}.py'
        spec = importlib.util.spec_from_file_location(f'tools_{name}', path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        monkeypatch.setattr(
            sys, 'argv', [str(path), *map(str, arguments)])
        # Each run is to write below its own work dir, as a new process does.
        for visualizer in [SegLocalVisualizer,
                           *SegLocalVisualizer.__subclasses__()]:
            visualizer._instance_dict.clear()
        module.main()

    yield run
    torch.set_num_threads(threads)


@pytest.fixture
def start_tool(tmp_path: Path) -> Callable[..., subprocess.Popen]:
    """Starts a tool as a process of its own, on one thread."""
    def start(name: str, *arguments: str | Path) -> subprocess.Popen:
        environment = dict(
            os.environ, OMP_NUM_THREADS='1', PYTHONPATH=str(REPOSITORY))
        environment['PATH'] = os.pathsep.join(
            [str(Path(sys.executable).parent), environment['PATH']])
        path = REPOSITORY / 'tools' / name
        program = ['bash'] if path.suffix == '.sh' else [sys.executable]
        return subprocess.Popen(
            [*program, str(path), *map(str, arguments)], cwd=tmp_path,
            env=environment, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)

    return start


@pytest.fixture
def read_metrics() -> Callable[[Path], dict[str, float]]:
    """Returns the metrics that the newest test below a work dir wrote."""
    def read(work_dir: Path) -> dict[str, float]:
        files = [path for path in work_dir.glob('*/*.json')
                 if path.stem == path.parent.name]
        newest = max(files, key=lambda path: path.stat().st_mtime)
        metrics = json.loads(newest.read_text())
        return {key: value for key, value in metrics.items()
                if 'time' not in key}

    return read


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
