"""Which configs of a test have no labels, and what is left of them."""
import pytest
from mmengine.config import Config

import mmseg_anomaly  # noqa: F401
from mmseg_anomaly.engine.unlabelled import measure_nothing_without_labels

STEPS = ['LoadImageFromFile', 'LoadAnnotations', 'PackSegInputs']


def config(**dataset):
    dataset = dict(type='BaseSegDataset',
                   pipeline=[dict(type=kind) for kind in STEPS], **dataset)
    return Config(dict(
        test_dataloader=dict(dataset=dataset),
        test_evaluator=[dict(type='AnomalyMetric', output_dir='out'),
                        dict(type='SemanticIoUMetric'),
                        dict(type='ComponentMetric', output_dir='out')]))


@pytest.mark.parametrize('dataset', [
    {}, dict(data_prefix=dict(img_path='a', seg_map_path='b')),
    dict(data_prefix=dict(img_path='', seg_map_path=''))])
def test_labels__change_nothing(dataset):
    cfg = config(**dataset)
    assert not measure_nothing_without_labels(cfg, writes=False)
    assert cfg.to_dict() == config(**dataset).to_dict()


@pytest.mark.parametrize('dataset', [
    dict(with_labels=False), dict(data_prefix=dict(img_path='a')),
    dict(data_prefix=dict(img_path='a', seg_map_path=None))])
def test_pictures__keep_the_metrics_that_write(dataset):
    cfg = config(**dataset)
    assert measure_nothing_without_labels(cfg, writes=True)
    left = cfg.test_dataloader.dataset
    assert [step.type for step in left.pipeline] == [STEPS[0], STEPS[2]]
    assert 'seg_map_path' not in left.get('data_prefix', {})
    assert cfg.test_evaluator == [dict(
        type='AnomalyMetric', output_dir='out', format_only=True)]


def test_versions_of_an_image__lose_their_labels_too():
    cfg = config(with_labels=False)
    cfg.test_dataloader.dataset.pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='TestTimeAug', transforms=[
            [dict(type='RandomFlip', prob=0.)],
            [dict(type='LoadCheckedAnnotations', num_classes=3)],
            [dict(type='PackSegInputs')]])]
    measure_nothing_without_labels(cfg, writes=True)
    versions = cfg.test_dataloader.dataset.pipeline[1].transforms
    assert [[step.type for step in steps] for steps in versions] == [
        ['RandomFlip'], ['PackSegInputs']]


def test_concatenated__either_all_have_labels_or_none():
    cfg = config()
    plain = cfg.test_dataloader.dataset
    bare = config(data_prefix=dict(img_path='a')).test_dataloader.dataset
    cfg.test_dataloader.dataset = dict(
        type='ConcatDataset', datasets=[plain, bare])
    with pytest.raises(ValueError, match='some have none: test them apart'):
        measure_nothing_without_labels(cfg, writes=True)
    cfg.test_dataloader.dataset.datasets = [bare, bare]
    measure_nothing_without_labels(cfg, writes=True)
    for part in cfg.test_dataloader.dataset.datasets:
        assert len(part.pipeline) == 2
