"""Predictions keep the model's names, whatever set they are drawn on."""
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from mmseg.visualization import SegLocalVisualizer

from mmseg_anomaly.class_names import numbered_classes
from mmseg_anomaly.engine.hooks import AnomalyVisualizationHook
from mmseg_anomaly.visualization import AnomalyLocalVisualizer
from mmseg_anomaly.visualization.class_legend import ClassLegend

SET = dict(classes=('road', 'sky'), palette=[[0, 200, 0], [0, 0, 200]])
MODEL = dict(classes=('dog', 'cat', 'cow'),
             palette=[[9, 0, 0], [0, 9, 0], [0, 0, 9]])
NOTHING = dict(classes=(), palette=[])
TRUTH = np.uint8([[0, 1, 254]])
PREDICTED = np.uint8([[2, 2, 0]])


def legend(dataset_meta, model_meta):
    return ClassLegend(dataset_meta, model_meta, dict(
        gt_sem_seg=TRUTH, pred_sem_seg=PREDICTED))


def test_legend__labels_are_of_the_set_and_predictions_of_the_model():
    found = legend(SET, MODEL)
    assert found.colors('gt_sem_seg') == [(0, 200, 0), (0, 0, 200)]
    assert found.colors('pred_sem_seg') == [(9, 0, 0), (0, 9, 0), (0, 0, 9)]
    assert found.entries() == [
        ('road', (0, 200, 0)), ('sky', (0, 0, 200)), ('anomaly', (255, 0, 0)),
        ('dog', (9, 0, 0)), ('cow', (0, 0, 9))]


def test_legend__benchmark_without_classes_shows_those_of_the_model():
    names = [name for name, _ in legend(NOTHING, MODEL).entries()]
    assert names == ['anomaly', 'dog', 'cow']


def test_legend__same_classes_are_listed_once():
    meta = dict(MODEL)
    names = [name for name, _ in legend(meta, dict(meta)).entries()]
    assert sorted(names) == ['anomaly', 'cat', 'cow', 'dog']


def test_legend__without_a_model_is_that_of_the_set():
    found = legend(SET, None)
    assert found.colors('pred_sem_seg')[:2] == [(0, 200, 0), (0, 0, 200)]
    assert len(found.colors('pred_sem_seg')) == 3  # one without a name
    assert ('class 2', found.colors('pred_sem_seg')[2]) in found.entries()


def sample(predicted):
    result = SegDataSample(metainfo=dict(img_path='a.png'))
    result.pred_sem_seg = PixelData(data=torch.full((1, 8, 8), predicted))
    return result


def test_visualizer__paints_predictions_in_colours_of_the_model():
    made = AnomalyLocalVisualizer(alpha=1.)
    made.dataset_meta, made.model_meta = NOTHING, MODEL
    drawn = made.draw(np.zeros((8, 8, 3), np.uint8), sample(2))
    assert drawn[25, 8 + 4 + 3].tolist() == [0, 0, 9]


def test_visualizer__takes_names_and_colours_in_this_order():
    """MMSeg's own constructor hands them on the other way round."""
    made = AnomalyLocalVisualizer(**MODEL)
    assert made.dataset_meta == MODEL
    named = AnomalyLocalVisualizer(classes=['a', 'b']).dataset_meta
    assert named['classes'] == ['a', 'b']
    assert len(named['palette']) == 2


@pytest.mark.parametrize('shape', [(8, 8), (8, 8, 1), (8, 8, 3), (8, 8, 4)])
@pytest.mark.parametrize('kind', [
    AnomalyLocalVisualizer, SegLocalVisualizer])
def test_visualizers__draw_on_pictures_of_any_channels(kind, shape):
    made = kind(name=f'{kind.__name__}{shape}')
    made.dataset_meta = MODEL
    made.add_datasample('a', np.zeros(shape, np.uint8), sample(1))
    assert made.get_image().shape[2] == 3


@pytest.mark.parametrize('shape', [(8, ), (8, 8, 2), (3, 8, 8)])
def test_visualizer__names_the_shape_it_cannot_draw_on(shape):
    with pytest.raises(ValueError, match=r'a picture must be \(H, W\), '):
        AnomalyLocalVisualizer().add_datasample(
            'a', np.zeros(shape), sample(1))


CITYSCAPES = Config(dict(train_dataloader=dict(
    dataset=dict(type='CityscapesDataset'))))


@pytest.mark.parametrize(('checkpoint', 'expected'), [
    (dict(meta=dict(dataset_meta=MODEL)), MODEL['classes']),
    (dict(meta=dict(dataset_meta=numbered_classes(19))), 'of the config'),
    (dict(meta=dict(dataset_meta=numbered_classes(5))), None),
    (dict(meta={}), None), ({}, None)])
def test_hook__takes_the_names_of_the_checkpoint(checkpoint, expected):
    hook = AnomalyVisualizationHook(draw=True)
    hook.after_load_checkpoint(SimpleNamespace(cfg=CITYSCAPES), checkpoint)
    found = hook._model_meta and hook._model_meta['classes']
    if expected == 'of the config':
        assert len(found) == 19
        assert found[0] == 'road'
    else:
        assert found == expected


def test_hook__takes_the_names_of_the_training_set():
    hook = AnomalyVisualizationHook(draw=True)
    hook.after_load_checkpoint(SimpleNamespace(cfg=CITYSCAPES),
                               dict(meta=dict(dataset_meta=MODEL)))
    hook.before_train(SimpleNamespace(train_dataloader=SimpleNamespace(
        dataset=SimpleNamespace(metainfo=SET))))
    assert hook._model_meta == SET
