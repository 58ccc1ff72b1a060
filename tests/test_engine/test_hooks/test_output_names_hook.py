from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.structures import PixelData
from mmseg.evaluation import IoUMetric
from mmseg.structures import SegDataSample
from test_engine.test_hooks.test_heatmap_hook import Frames

from mmseg_anomaly.engine.hooks import OutputNamesHook
from mmseg_anomaly.evaluation import (
    AnomalyMetric,
    Float16AnomalyMetric,
    SemanticIoUMetric,
)

STREETS = ('in/t5/0.png', 'in/t6/0.png')


def sample(img_path, score):
    made = SegDataSample(metainfo=dict(img_path=img_path))
    made.pred_anomaly_map = PixelData(data=torch.full((1, 2, 2), score))
    made.pred_sem_seg = PixelData(data=torch.tensor([[[0, 1], [1, 1]]]))
    made.gt_sem_seg = PixelData(data=torch.tensor([[[0, 1], [254, 255]]]))
    return made.to_dict()


def name_files(metrics, paths, stage='test'):
    loop = SimpleNamespace(evaluator=SimpleNamespace(metrics=metrics))
    loader = SimpleNamespace(
        dataset=Frames(*(dict(img_path=path) for path in paths)))
    runner = SimpleNamespace(**{f'{stage}_loop': loop,
                                f'{stage}_dataloader': loader})
    getattr(OutputNamesHook(), f'before_{stage}_epoch')(runner)


def write(metrics, paths, folder, **kwargs):
    for metric in metrics:
        metric.dataset_meta = dict(classes=('road', 'sky'))
        metric.process(None, [sample(path, float(score))
                              for score, path in enumerate(paths)])
    return sorted(path.relative_to(folder).as_posix()
                  for path in folder.rglob('*.*'))


def all_metrics(folder):
    return [kind(output_dir=str(folder)) for kind in
            (AnomalyMetric, Float16AnomalyMetric, SemanticIoUMetric)]


@pytest.mark.parametrize('stage', ['val', 'test'])
def test_hook__keeps_images_of_one_stem_apart(stage, tmp_path):
    metrics = all_metrics(tmp_path)
    name_files(metrics, STREETS, stage)
    assert write(metrics, STREETS, tmp_path) == [
        f'{folder}/0{ending}' for folder in ('t5', 't6')
        for ending in ('.png', '_anomaly.npy', '_anomaly_float16.npy')]
    assert (np.load(tmp_path / 't5/0_anomaly.npy') == 0).all()
    assert (np.load(tmp_path / 't6/0_anomaly.npy') == 1).all()


def test_hook__leaves_names_that_differ(tmp_path):
    metrics = all_metrics(tmp_path)[:1]
    paths = ('in/t5/0.png', 'in/t6/1.png')
    name_files(metrics, paths)
    assert write(metrics, paths, tmp_path) == ['0_anomaly.npy',
                                               '1_anomaly.npy']


@pytest.mark.parametrize('number', range(3))
def test_metric__without_the_hook_overwrites_nothing(number, tmp_path):
    with pytest.raises(ValueError, match=r'in/t6/0\.png and in/t5/0\.png '
                       'would both be written to .*OutputNamesHook'):
        write([all_metrics(tmp_path)[number]], STREETS, tmp_path)


def test_hook__refuses_a_metric_that_cannot_be_given_names(tmp_path):
    metrics = [IoUMetric(output_dir=str(tmp_path))]
    name_files(metrics, ('in/t5/0.png', 'in/t6/1.png'))
    with pytest.raises(ValueError, match='IoUMetric names its files by the '
                       'stems .* such as t5/0; use SemanticIoUMetric'):
        name_files(metrics, STREETS)


def test_runtime__names_files():
    hooks = Config.fromfile('configs/_base_/default_runtime.py').default_hooks
    assert hooks.output_names.type == 'OutputNamesHook'


@pytest.mark.parametrize('kind', [AnomalyMetric, SemanticIoUMetric, IoUMetric])
@pytest.mark.parametrize('spoken', ['in', 'in/../in', 'link'])
def test_hook__keeps_the_images_of_the_set(kind, spoken, tmp_path):
    (tmp_path / 'in').mkdir()
    (tmp_path / 'link').symlink_to(tmp_path / 'in')
    path = tmp_path / 'in' / '0.png'
    path.touch()
    metric = kind(output_dir=str(tmp_path / spoken))
    with pytest.raises(ValueError, match='0.png cannot be written, because '
                       'it is .*in/0.png, which is read; name another'):
        name_files([metric], [str(path)])
