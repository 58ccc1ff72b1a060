"""`test_cfg.roi`, from the config to the map, with and without TTA."""
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmseg.registry import DATASETS, MODELS
from test_models.test_segmentors.small_models import (
    COPY,
    build,
    sample,
    slide,
)

from mmseg_anomaly.class_names import numbered_classes
from mmseg_anomaly.engine import AnomalyRunner
from mmseg_anomaly.labels import OUTSIDE_SCORE

CLASSES = ('sky', 'road', 'car')


@DATASETS.register_module()
class StreetDataset(BaseDataset):
    METAINFO = dict(classes=CLASSES)


def street():
    """Logits of sky above road, and a car on it; 4x6 pixels."""
    classes = torch.tensor([[0, 0, 0, 0, 0, 0],
                            [0, 1, 2, 1, 0, 0],
                            [1, 1, 2, 1, 1, 0],
                            [1, 1, 1, 1, 1, 1]])
    logits = torch.nn.functional.one_hot(classes).permute(2, 0, 1).float()
    region = torch.tensor([[0, 0, 0, 0, 0, 0],
                           [0, 1, 1, 1, 0, 0],
                           [1, 1, 1, 1, 1, 0],
                           [1, 1, 1, 1, 1, 1]]).bool()
    return logits[None], region


def predict(model):
    logits, _ = street()
    with torch.no_grad():
        return model.predict(logits, [sample((4, 6))])[0]


def test_predict__scores_on_the_road_only():
    scorers = ['energy', 'max_logit']
    model = build(COPY, test_cfg=slide(scorers, roi='road'))
    model.dataset_meta = dict(classes=CLASSES)
    plain = predict(build(COPY, test_cfg=slide(scorers)))
    result = predict(model)
    _, region = street()
    for name in scorers:
        found = result.get(f'anomaly_map_{name}').data[0]
        kept = plain.get(f'anomaly_map_{name}').data[0]
        assert torch.equal(found[region], kept[region])
        assert (found[~region] == OUTSIDE_SCORE).all()
        assert found.isfinite().all()
    assert torch.equal(result.seg_logits.data, plain.seg_logits.data)
    assert torch.equal(result.pred_sem_seg.data, plain.pred_sem_seg.data)
    assert result.metainfo['anomaly_protocol'] == (
        plain.metainfo['anomaly_protocol'] +
        ", scores within the hull of 'road' only")


def test_roi__that_no_class_has():
    model = build(COPY, test_cfg=slide(roi='street'))
    with pytest.raises(ValueError, match=r"got 'street'.*'class 0', 'class"):
        predict(model)
    with pytest.raises(ValueError, match=r"got 'street'.*'sky', 'road'"):
        model.dataset_meta = dict(classes=CLASSES)
    with pytest.raises(ValueError, match='index below 3, got 7'):
        build(COPY, test_cfg=slide(roi=7))


def test_roi__by_names_of_the_config():
    """As `init_model` leaves a model whose checkpoint names no classes."""
    model = build(COPY, test_cfg=slide(roi='road'))
    model.dataset_meta = numbered_classes(3)
    model.cfg = Config(dict(test_dataloader=dict(
        dataset=dict(type='StreetDataset'))))
    region = predict(model).pred_anomaly_map.data[0] != OUTSIDE_SCORE
    assert torch.equal(region, street()[1])


def test_tta__scores_on_the_road_only():
    model = MODELS.build(dict(
        type='AnomalyTTAModel', module=build(COPY, test_cfg=slide(roi=1))))
    sample_of_two = [predict(model.module), predict(model.module)]
    merged, = model.merge_preds([sample_of_two])
    region = merged.pred_anomaly_map.data[0] != OUTSIDE_SCORE
    assert torch.equal(region, street()[1])


@pytest.mark.parametrize('tta', [False, True])
def test_runner__names_the_classes(tta, tmp_path):
    model = dict(type='SlideInferenceWithStitch', **COPY,
                 test_cfg=slide(roi='street'))
    if tta:
        model = dict(type='AnomalyTTAModel', module=model)
    cfg = Config(dict(
        model=model, work_dir=str(tmp_path), default_scope='mmseg',
        train_dataloader=dict(dataset=dict(type='StreetDataset')),
        train_cfg=dict(by_epoch=False, max_iters=1),
        optim_wrapper=dict(type='OptimWrapper')))
    with pytest.raises(ValueError, match=r"got 'street'.*'sky', 'road'"):
        AnomalyRunner.from_cfg(cfg)
