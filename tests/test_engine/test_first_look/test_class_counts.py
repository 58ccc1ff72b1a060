import pytest
from mmcv.transforms import RandomApply
from test_engine.test_first_look.looks import (
    Part,
    a_dataset,
    a_look,
    loading,
    part,
)
from torch import nn

from mmseg_anomaly.engine.first_look.class_counts import (
    differing_class_counts,
    differing_class_order,
)


def head(num_classes):
    return Part(num_classes=num_classes)


def model(**heads):
    return Part(heads)


EIGHT = dict(classes=8, pipeline=[loading(8)])


def test_equal_counts__are_right():
    look = a_look(a_dataset(**EIGHT), model(
        decode_head=head(8), auxiliary_head=nn.ModuleList([head(8)])),
        'val', [part(num_classes=8), part()])
    assert differing_class_counts(look) is None


@pytest.mark.parametrize(('heads', 'key'), [
    (dict(decode_head=head(5)), 'model.decode_head.num_classes'),
    (dict(decode_head=head(8), auxiliary_head=head(5)),
     'model.auxiliary_head.num_classes'),
    (dict(auxiliary_head=nn.ModuleList([head(8), head(5)])),
     'model.auxiliary_head.1.num_classes'),
    (dict(decode_head=nn.ModuleList([head(5), head(8)])),
     'model.decode_head.0.num_classes'),
    (dict(decode_head=Part(dict(semantic_head=head(5)), num_classes=8)),
     'model.decode_head.semantic_head.num_classes'),
])
def test_head__of_another_count_is_named(heads, key):
    problem = differing_class_counts(
        a_look(a_dataset(**EIGHT), model(**heads)))
    assert f'`{key}` 5' in problem
    assert '`train_dataloader.dataset.metainfo.classes` 8' in problem


@pytest.mark.parametrize('nested', [
    loading(12), RandomApply([loading]), part(transforms=[[loading(12)]]),
    part(subroutines=[part(transforms=[loading(12)])])])
def test_loader__of_another_count_is_named(nested):
    if isinstance(nested, RandomApply):
        nested.transforms.transforms = [loading(12)]
    dataset = a_dataset(8, [part(), nested])
    problem = differing_class_counts(
        a_look(dataset, model(decode_head=head(8))))
    assert '`train_dataloader.dataset.pipeline.1.num_classes` 12' in problem
    assert '`model.decode_head.num_classes` 8' in problem


@pytest.mark.parametrize(('wrapped', 'key'), [
    (part(dataset=a_dataset(5)), 'dataset.dataset'),
    (part(datasets=[a_dataset(8), a_dataset(5)]), 'dataset.datasets.1'),
    (part(dataset=part(datasets=[part(dataset=a_dataset(5))])),
     'dataset.dataset.datasets.0.dataset'),
])
def test_dataset__is_found_in_its_wrappers(wrapped, key):
    problem = differing_class_counts(
        a_look(wrapped, model(decode_head=head(8))))
    assert f'`train_dataloader.{key}.metainfo.classes` 5' in problem


def test_metric__of_another_count_is_named():
    problem = differing_class_counts(
        a_look(a_dataset(**EIGHT), model(decode_head=head(8)), 'test',
               [part(), part(num_classes=19)]))
    assert '`test_evaluator.1.num_classes` 19' in problem


def test_benchmark_without_classes__fits_every_model():
    look = a_look(a_dataset(0, [loading(1)]), model(decode_head=head(19)),
                  'test', [part(num_classes=2)])
    assert differing_class_counts(look) is None


def test_dataset_that_lists_nothing__still_has_a_loader():
    look = a_look(a_dataset(None, [loading(12)]), model(decode_head=head(8)))
    assert 'num_classes` 12' in differing_class_counts(look)


@pytest.mark.parametrize('phase', ['train', 'val', 'test'])
def test_same_classes__in_another_order(phase):
    named = Part(dataset_meta=dict(classes=('road', 'car', 'sky')))
    dataset = part(metainfo=dict(classes=['road', 'sky', 'car']))
    problem = differing_class_order(a_look(dataset, named, phase))
    assert f'`{phase}_dataloader.dataset.metainfo.classes`' in problem
    assert "class 1 is 'sky' and 'car'" in problem


@pytest.mark.parametrize('classes', [
    ['road', 'car', 'sky'], ['street', 'car', 'sky'], [], ['road', 'car']])
def test_names__in_the_same_order_or_others(classes):
    named = Part(dataset_meta=dict(classes=('road', 'car', 'sky')))
    dataset = part(metainfo=dict(classes=classes))
    assert differing_class_order(a_look(dataset, named)) is None
    assert differing_class_order(a_look(dataset, Part())) is None
