import json
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmcv.transforms import LoadImageFromFile
from mmengine.config import Config
from mmengine.runner import Runner
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS, MODELS, TRANSFORMS
from tensorboard.backend.event_processing.event_accumulator import (
    EventAccumulator,
)
from torch import nn

import mmseg_anomaly  # noqa: F401
from mmseg_anomaly.engine.hooks.anomaly_visualization_hook import (
    AnomalyVisualizationHook,
    index_by_path,
    load_image,
)
from mmseg_anomaly.evaluation.threshold_file import threshold_path
from mmseg_anomaly.file_hash import sha256_of
from mmseg_anomaly.paths import UnwrittenPictureError
from mmseg_anomaly.visualization import AnomalyLocalVisualizer, local_backend

CLASSES = ('dark', 'light', 'other')


@TRANSFORMS.register_module()
class LoadFromArchive(LoadImageFromFile):
    """Load an image from an npz file, as some benchmarks store theirs."""

    def transform(self, results):
        results['img'] = np.load(results['img_path'])['rgb'][..., ::-1].copy()
        results['img_shape'] = results['ori_shape'] = results['img'].shape[:2]
        return results


@MODELS.register_module()
class IdentityBackbone(nn.Module):

    def __init__(self):
        super().__init__()
        self.scale = nn.Conv2d(1, 1, 1)

    def forward(self, inputs):
        return (inputs, )


@MODELS.register_module()
class ImageAsLogitsHead(nn.Module):
    align_corners = False
    num_classes = out_channels = 3

    def predict(self, feats, batch_img_metas, test_cfg):
        return feats[0]


def dataset_cfg(folder, count=3, seed=0):
    """Write npz images of known colours, RGB = (position, 50, 200)."""
    root = Path(folder, f'set{seed}')
    (root / 'images').mkdir(parents=True)
    (root / 'labels').mkdir()
    for i in range(count):
        rgb = np.full((24, 40, 3), (10 * seed + i, 50, 200), np.uint8)
        np.savez(root / 'images' / f'scene{i}.npz', rgb=rgb)
        label = np.full((24, 40), 254, np.uint8)
        cv2.imwrite(str(root / 'labels' / f'scene{i}.png'), label)
    return {
        'type': 'BaseSegDataset',
        'data_root': str(root),
        'data_prefix': {'img_path': 'images', 'seg_map_path': 'labels'},
        'img_suffix': '.npz',
        'seg_map_suffix': '.png',
        'reduce_zero_label': False,
        'metainfo': {'classes': CLASSES},
        'pipeline': [
            {'type': 'LoadFromArchive'},
            {'type': 'Resize', 'scale': (20, 12)},
            {'type': 'LoadAnnotations'},
            {'type': 'PackSegInputs'},
        ]
    }


def run(folder, visualizer='AnomalyLocalVisualizer', load_from=None, **hook):
    loader = {
        'batch_size': 2,
        'num_workers': 0,
        'sampler': {'type': 'DefaultSampler', 'shuffle': False},
        'dataset': dataset_cfg(folder)
    }
    evaluator = {'type': 'IoUMetric', 'output_dir': str(folder),
                 'format_only': True}
    runner = Runner.from_cfg(Config({
        'default_scope': 'mmseg',
        'experiment_name': Path(folder).name,
        'work_dir': str(folder / 'work'),
        'launcher': 'none',
        'load_from': load_from,
        'model': {
            'type': 'SlideInferenceWithStitch',
            'data_preprocessor': {'type': 'SegDataPreProcessor'},
            'backbone': {'type': 'IdentityBackbone'},
            'decode_head': {'type': 'ImageAsLogitsHead'}
        },
        # who tests need not have the training images
        'train_dataloader': dict(loader, dataset={'type': 'NotInstalled'}),
        'train_cfg': {'type': 'IterBasedTrainLoop', 'max_iters': 1},
        'optim_wrapper': {'optimizer': {'type': 'SGD', 'lr': 0.1}},
        'val_dataloader': loader, 'val_cfg': {}, 'val_evaluator': evaluator,
        'test_dataloader': loader, 'test_cfg': {},
        'test_evaluator': evaluator,
        'default_hooks': {
            'visualization': {'type': 'AnomalyVisualizationHook', **hook}
        },
        'visualizer': {
            'type': visualizer,
            'name': Path(folder).name,
            'vis_backends': [{'type': 'LocalVisBackend'},
                             {'type': 'TensorboardVisBackend'}]
        }
    }))
    runner.val()
    runner.test()
    return sorted((folder / 'work').rglob('*.png'))


def test_hook__draws_through_the_loader_to_disk_and_tensorboard(tmp_path):
    pictures = run(tmp_path, draw=True, interval=2)
    assert [path.name for path in pictures] == [
        'test_00000_scene0_0.png', 'test_00001_scene1_0.png',
        'test_00002_scene2_0.png', 'val_00000_scene0_0.png',
        'val_00002_scene2_0.png'
    ]
    drawn = cv2.imread(str(pictures[2]))[..., ::-1]
    assert drawn[25, 5].tolist() == [2, 50, 200]  # below the title
    events = EventAccumulator(str(pictures[0].parents[1]))
    events.Reload()
    assert sorted(events.Tags()['images']) == [
        'test_00000_scene0', 'test_00001_scene1', 'test_00002_scene2',
        'val_00000_scene0', 'val_00002_scene2'
    ]


def test_hook__outlines_the_decision(tmp_path):
    plain = run(tmp_path / 'plain', draw=True)
    decided = run(tmp_path / 'decided', draw=True, threshold=-250.)
    # everything but the border is flagged: the largest channel is 200
    first, second = (cv2.imread(str(paths[0])) for paths in (plain, decided))
    assert (second[20, 5] == 255).all()
    assert not (first[20, 5] == 255).all()


def test_hook__refuses_a_threshold_of_another_checkpoint(tmp_path):
    checkpoint = tmp_path / 'a.pth'
    torch.save({'state_dict': {
        'backbone.scale.weight': torch.ones(1, 1, 1, 1),
        'backbone.scale.bias': torch.ones(1)}}, checkpoint)
    path = threshold_path(checkpoint)
    content = dict(scorer='max_logit', threshold=-250.,
                   checkpoint_sha256=sha256_of(checkpoint))
    path.write_text(json.dumps(content))
    pictures = run(tmp_path / 'fits', draw=True, threshold=str(path),
                   load_from=str(checkpoint))
    assert (cv2.imread(str(pictures[0]))[20, 5] == 255).all()

    path.write_text(json.dumps(dict(content, checkpoint_sha256='0' * 64)))
    with pytest.raises(ValueError, match='chosen for another checkpoint'):
        run(tmp_path / 'differs', draw=True, threshold=str(path),
            load_from=str(checkpoint))

    path.write_text(json.dumps(dict(content, head_sha256='0' * 64)))
    with pytest.raises(ValueError, match='another pixel head .*, got none'):
        run(tmp_path / 'headless', draw=True, threshold=str(path),
            load_from=str(checkpoint))
    head = tmp_path / 'head.pth'
    head.write_bytes(b'head')
    hook = AnomalyVisualizationHook(draw=True)
    cfg = Config(dict(load_from=str(checkpoint), custom_hooks=[
        dict(type='AttachHeadHook', head=str(head))]))
    runner = SimpleNamespace(
        cfg=cfg, visualizer=AnomalyLocalVisualizer(threshold=str(path)))
    with pytest.raises(ValueError, match=r'another pixel head .*head\.pth'):
        hook.before_test(runner)
    path.write_text(json.dumps(dict(content, head_sha256=sha256_of(head))))
    hook.before_test(runner)


def test_hook__needs_a_visualizer_that_draws_decisions(tmp_path):
    with pytest.raises(TypeError, match='needs an AnomalyLocalVisualizer, the '
                       'config has a SegLocalVisualizer'):
        run(tmp_path, visualizer='SegLocalVisualizer', draw=True,
            threshold=0.)


def test_hook__loses_no_number_to_a_picture(tmp_path, monkeypatch):
    def fail(path, image):
        raise UnwrittenPictureError(f'the picture {path} cannot be written')

    monkeypatch.setattr(local_backend, 'write_picture', fail)
    with pytest.raises(OSError, match='3 pictures are missing, the numbers '
                       'are complete: the picture .*val_00000_scene0_0.png'):
        run(tmp_path, draw=True, interval=1)
    assert list(tmp_path.glob('work/*/vis_data/scalars.json')) != []


def test_hook__draws_nothing_unless_told_to(tmp_path):
    assert run(tmp_path) == []


def test_index_by_path__numbers_concatenated_sets_through(tmp_path):
    parts = [dataset_cfg(tmp_path, seed=seed) for seed in (0, 1)]
    dataset = DATASETS.build({
        'type': 'ConcatDataset',
        '_scope_': 'mmengine',
        'datasets': [BaseSegDataset(**{k: v for k, v in part.items()
                                       if k != 'type'}) for part in parts]
    })
    places = index_by_path(dataset)
    path = str(Path(parts[1]['data_root'], 'images', 'scene2.npz'))
    position, part, index = places[path]
    assert (position, index) == (5, 2)
    image = load_image(part, index)
    assert image.shape == (24, 40, 3)
    assert image[0, 0].tolist() == [12, 50, 200]


def test_load_image__names_a_pipeline_without_loader(tmp_path):
    part = dataset_cfg(tmp_path)
    part |= {'pipeline': [{'type': 'LoadAnnotations'}]}
    del part['type']
    with pytest.raises(ValueError, match=r"got \['LoadAnnotations'\]"):
        load_image(BaseSegDataset(**part), 0)


def test_init__refuses_an_interval_of_zero():
    with pytest.raises(ValueError, match='`interval` of .* must be at least'):
        AnomalyVisualizationHook(interval=0)
