"""The configs on mmpretrain's backbones, shrunk, trained and tested."""
import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

from mmseg_anomaly.engine import command_line
from mmseg_anomaly.labels import OUTLIER_INDEX

CONFIG_DIR = Path(__file__).resolve().parents[1] / 'configs'
SIZE_HW = (56, 112)
SCORERS = ('max_logit', 'softmax_msp', 'entropy', 'energy')

CONVNEXT = ('convnext/'
            'convnext-base_upernet_4xb4-160k_cityscapes-512x1024_oe_eim.py')
TINY_CONVNEXT = dict(
    model=dict(
        backbone=dict(arch=dict(
            _delete_=True, depths=[1, 1, 1, 1], channels=[4, 6, 8, 10])),
        decode_head=dict(in_channels=[4, 6, 8, 10], channels=4),
        auxiliary_head=dict(in_channels=8, channels=4)))
DINOV2 = ('dinov2/vit-base-p14-dinov2_linear_4xb4-160k_'
          'cityscapes-518x1036_oe_eim.py')
TINY_DINOV2 = dict(
    model=dict(
        backbone=dict(img_size=28, arch=dict(
            _delete_=True,
            embed_dims=8, num_layers=2, num_heads=2,
            feedforward_channels=16)),
        decode_head=dict(in_channels=8, channels=8)))
BASELINES = pytest.mark.parametrize(
    ('name', 'tiny'), [(CONVNEXT, TINY_CONVNEXT), (DINOV2, TINY_DINOV2)],
    ids=['convnext', 'dinov2'])


def write_scene(image: Path, label: Path, seed: int,
                num_outliers: int) -> None:
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, 19, SIZE_HW, dtype=np.uint8)
    ids.flat[:num_outliers] = OUTLIER_INDEX
    for path, values in ((image, rng.integers(
            256, size=(*SIZE_HW, 3), dtype=np.uint8)), (label, ids)):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values).save(path)


@pytest.fixture
def roads(tmp_path, make_coco):
    """Folders of training scenes, a test set and objects, of the real kind."""
    root = tmp_path / 'cityscapes'
    for seed in range(4):
        write_scene(root / f'leftImg8bit/train/{seed}_leftImg8bit.png',
                    root / f'gtFine/train/{seed}_gtFine_labelTrainIds.png',
                    seed, num_outliers=0)
    static = tmp_path / 'static'
    write_scene(static / 'images/0.png', static / 'annotations/0.png', 5,
                num_outliers=400)
    (static / 'manifest.json').write_text(json.dumps(dict(
        classes=[f'class {index}' for index in range(19)], palette=[],
        images=[dict(image='images/0.png', annotation='annotations/0.png')])))
    objects = make_coco(
        [dict(image='a', category='zebra', box=(10, 10, 40, 30))])
    return dict(train=root, test=static, objects=objects)


@pytest.fixture
def build_runner(tmp_path, roads):
    def build(name: str, tiny: dict):
        cfg = Config.fromfile(CONFIG_DIR / name)
        cfg.merge_from_dict(copy.deepcopy(tiny))
        cfg.model.backbone.init_cfg = None
        cfg.model.data_preprocessor.size = SIZE_HW
        cfg.model.test_cfg.update(crop_size=SIZE_HW, stride=(28, 56))
        pipeline = cfg.train_dataloader.dataset.pipeline
        paste, resize, crop = pipeline[3:6]
        paste.paste_probability = 1.0
        paste.source.update(
            data_root=str(roads['objects']), ann_file='instances.json',
            data_prefix=dict(img_path='images'), min_area=1)
        resize.scale = SIZE_HW[::-1]
        crop.update(crop_size=SIZE_HW, cat_max_ratio=1.0)
        for loader, root in ((cfg.train_dataloader, roads['train']),
                             (cfg.test_dataloader, roads['test'])):
            loader.update(num_workers=0, persistent_workers=False)
            loader.dataset.data_root = str(root)
        cfg.val_dataloader = cfg.val_cfg = cfg.val_evaluator = None
        cfg.train_cfg.max_iters = 2
        cfg.work_dir = str(tmp_path / 'work')
        cfg.default_hooks.checkpoint.interval = 2
        cfg.visualizer.vis_backends = [dict(type='LocalVisBackend')]
        return command_line.build_runner(cfg)

    return build


@BASELINES
def test_baseline__trains_on_pasted_objects_and_is_tested(
        name, tiny, build_runner):
    torch.manual_seed(0)
    runner = build_runner(name, tiny)
    runner.call_hook('before_run')
    before = {key: value.clone()
              for key, value in runner.model.named_parameters()}
    runner.train()
    dataset = runner.train_dataloader.dataset
    # the crop of a single one may miss what was pasted
    samples = [dataset[0]['data_samples'] for _ in range(20)]
    assert any((sample.gt_sem_seg.data == OUTLIER_INDEX).any()
               for sample in samples)
    moved = {key.split('.')[0] for key, value
             in runner.model.named_parameters()
             if not torch.equal(value, before[key])}
    assert {'backbone', 'decode_head'} <= moved
    losses = runner.message_hub.log_scalars
    # confidence can only lie between none and that of one class of 19
    assert 0 <= losses['train/outlier.loss_eim'].current() <= 0.1 * np.log(19)
    metrics = runner.test()
    assert np.isfinite(metrics['mIoU'])
    for scorer in SCORERS:
        # 400 anomalies among 56 * 112 pixels: 6.4 % by chance
        assert 0 < metrics[f'anomaly/{scorer}/AuPRC'] < 100
    assert metrics['anomaly/AuPRC'] == metrics['anomaly/max_logit/AuPRC']


@BASELINES
def test_baseline__gives_pretrained_layers_a_smaller_rate(
        name, tiny, build_runner):
    runner = build_runner(name, tiny)
    optimizer = runner.build_optim_wrapper(runner.optim_wrapper).optimizer
    rates = {}
    for group in optimizer.param_groups:
        for parameter in group['params']:
            rates[id(parameter)] = group['lr']
    model = runner.model
    head = rates[id(model.decode_head.conv_seg.weight)]
    first = rates[id(next(model.backbone.parameters()))]
    assert head == pytest.approx(1e-4)
    assert first < 0.5 * head
