import pytest
from test_engine.test_first_look.looks import Part, a_dataset, a_look, part

from mmseg_anomaly.engine.first_look.void import padding_with_classes


def model(seg_pad_val, **head):
    return Part(dict(data_preprocessor=Part(seg_pad_val=seg_pad_val),
                     decode_head=Part(num_classes=8, **head)))


@pytest.mark.parametrize('head', [{}, dict(ignore_index=255)])
def test_padding__that_would_be_a_class(head):
    problem = padding_with_classes(a_look(a_dataset(8), model(0, **head)))
    assert ('`model.data_preprocessor.seg_pad_val` is 0, and '
            '`model.decode_head` ignores 255' in problem)


def test_transform__that_pads_with_a_class():
    dataset = part(dataset=a_dataset(8, [part(), part(seg_pad_val=7)]))
    problem = padding_with_classes(a_look(dataset, model(255)))
    assert ('`train_dataloader.dataset.dataset.pipeline.1.seg_pad_val` is 7'
            in problem)


@pytest.mark.parametrize('fits', [
    a_look(a_dataset(8), model(255)), a_look(a_dataset(8), model(255, **{
        'ignore_index': 255})), a_look(a_dataset(8), Part()),
    a_look(a_dataset(8), model(0, ignore_index=0)),
    a_look(a_dataset(8), model(0), 'test')])
def test_padding__that_is_ignored(fits):
    assert padding_with_classes(fits) is None
