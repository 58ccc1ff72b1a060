import pytest
from test_engine.test_first_look.looks import Part, a_dataset, a_look, part
from torch import nn

from mmseg_anomaly.datasets import RoadAnomalyDataset, StaticAnomalyDataset
from mmseg_anomaly.datasets.outliers import SyntheticOutliers
from mmseg_anomaly.datasets.paste import OutlierPaste
from mmseg_anomaly.engine.first_look.anomalies import missing_anomalies
from mmseg_anomaly.models.decode_heads import PixelAnomalyHead
from mmseg_anomaly.models.losses import EIMLoss, RbALoss
from mmseg_anomaly.models.segmentors.outlier_training import OutlierLosses


def learning(*losses):
    return Part(dict(outlier_losses=OutlierLosses(losses)))


def paste(probability):
    return OutlierPaste(SyntheticOutliers(num_objects=1), probability)


class OwnLoss(nn.Module):
    """A user's outlier loss, which declares nothing."""

    loss_name = 'loss_own'


@pytest.mark.parametrize('model', [
    learning(RbALoss()), learning(EIMLoss(), OwnLoss()),
    Part(dict(decode_head=Part(learns_anomalies=True)))])
@pytest.mark.parametrize('pipeline', [[], [paste(0.)]])
def test_learner_without_anomalies__is_named(model, pipeline):
    problem = missing_anomalies(a_look(a_dataset(8, pipeline), model))
    name = next(iter(dict(model.named_children())))
    assert f'`model.{name}`' in problem
    assert '`train_dataloader.dataset`' in problem and '254' in problem


def test_pixel_head__declares_that_it_learns():
    assert PixelAnomalyHead.learns_anomalies


@pytest.mark.parametrize('dataset', [
    a_dataset(8, [paste(0.1)]),
    a_dataset(8, [part(labels_anomalies=True)]),
    a_dataset(8, [part(transforms=[paste(0.1)])]),
    a_dataset(8, labels_anomalies=True),
    a_dataset(8, label_map={0: 0, 1: 254}),
    part(datasets=[a_dataset(8), part(dataset=a_dataset(8, [paste(1.)]))]),
])
def test_anomalies__are_found_wherever_they_are_made(dataset):
    assert missing_anomalies(a_look(dataset, learning(RbALoss()))) is None


@pytest.mark.parametrize('kind', [RoadAnomalyDataset, StaticAnomalyDataset])
def test_sets_of_anomalies__say_so(kind):
    assert kind.labels_anomalies


@pytest.mark.parametrize('model', [Part(), learning(), learning(EIMLoss())])
def test_who_needs_none__is_not_asked(model):
    assert missing_anomalies(a_look(a_dataset(8), model)) is None


def test_testing__needs_none():
    look = a_look(a_dataset(8), learning(RbALoss()), 'test')
    assert missing_anomalies(look) is None
