import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.registry import METRICS
from mmseg.structures import SegDataSample
from PIL import Image

import mmseg_anomaly  # noqa: F401
from mmseg_anomaly.evaluation import SemanticIoUMetric


def _sample(prediction, label):
    sample = SegDataSample(metainfo={'img_path': 'images/road.png'})
    sample.pred_sem_seg = PixelData(data=torch.tensor(prediction)[None])
    if label is not None:
        sample.gt_sem_seg = PixelData(data=torch.tensor(label)[None])
    return sample.to_dict()


def _evaluate(*samples, classes=('road', 'sky'), **kwargs):
    metric = SemanticIoUMetric(**kwargs)
    metric.dataset_meta = {} if classes is None else {'classes': classes}
    metric.process(None, samples)
    return metric.evaluate(len(samples))


def test_process__reserved_labels_are_void():
    sample = _sample([[0, 0, 1], [0, 1, 0]], [[0, 1, 1], [253, 254, 255]])
    values = _evaluate(sample)
    assert values['mIoU'] == 50  # road 1 / 2, sky 1 / 2
    assert values['aAcc'] == pytest.approx(66.67)
    assert sample['gt_sem_seg']['data'].tolist() == [[[0, 1, 1],
                                                      [253, 254, 255]]]


@pytest.mark.parametrize('classes', [None, (), ('road', 'sky')])
def test_evaluate__without_a_semantic_pixel_reports_nothing(classes):
    sample = _sample([[0, 1, 1]], [[253, 254, 255]])
    assert _evaluate(sample, classes=classes) == {}


def test_evaluate__one_image_with_classes_is_enough():
    values = _evaluate(
        _sample([[0, 1]], [[254, 253]]), _sample([[0, 1]], [[0, 1]]))
    assert values['mIoU'] == 100


def test_evaluate__all_void_image_reports_nothing():
    assert _evaluate(_sample([[0, 1, 1]], [[255, 255, 255]])) == {}


@pytest.mark.parametrize('void_first', [False, True])
def test_evaluate__all_void_image_changes_no_number(void_first):
    labelled = _sample([[0, 0, 1, 1]], [[0, 1, 1, 1]])
    void = _sample([[0, 1, 1, 0]], [[255, 255, 255, 255]])
    samples = [void, labelled] if void_first else [labelled, void]
    values = _evaluate(*samples)
    assert values == _evaluate(labelled)
    assert values['mIoU'] == pytest.approx(58.33)  # road 1 / 2, sky 2 / 3
    assert values['aAcc'] == 75


def test_output_dir__receives_class_ids_even_without_classes(tmp_path):
    _evaluate(_sample([[0, 18], [1, 0]], [[253, 254]] * 2), classes=None,
              output_dir=str(tmp_path), keep_results=True)
    stored = np.array(Image.open(tmp_path / 'road.png'))
    assert stored.tolist() == [[0, 18], [1, 0]]


def test_format_only__needs_no_label(tmp_path):
    assert _evaluate(_sample([[0, 1]], None), output_dir=str(tmp_path),
                     format_only=True) == {}
    assert (tmp_path / 'road.png').exists()


def test_init__passes_other_metrics_on():
    values = _evaluate(_sample([[0, 1]], [[0, 1]]), iou_metrics='mDice')
    assert values['mDice'] == 100
    assert 'mIoU' not in values


def test_init__rejects_what_would_have_no_effect():
    with pytest.raises(TypeError, match='ignor_index'):
        SemanticIoUMetric(ignor_index=0)
    with pytest.raises(KeyError, match=r"got \['mAP'\]"):
        SemanticIoUMetric(iou_metrics=['mIoU', 'mAP'])
    with pytest.raises(ValueError, match='`keep_results=False`'):
        SemanticIoUMetric(output_dir='ids', keep_results=False)


def test_registry__knows_the_metric():
    assert METRICS.get('SemanticIoUMetric') is SemanticIoUMetric
