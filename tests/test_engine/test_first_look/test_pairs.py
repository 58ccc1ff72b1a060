import numpy as np
import pytest
from mmengine.dataset import ConcatDataset
from mmseg.datasets import BaseSegDataset, CityscapesDataset
from PIL import Image
from test_engine.test_first_look.looks import a_look, part

from mmseg_anomaly.engine.first_look import CHECKS
from mmseg_anomaly.engine.first_look.pairs import unpaired_sets

SUFFIXES = dict(img_suffix='_leftImg8bit.png',
                seg_map_suffix='_gtFine_labelTrainIds.png')


@pytest.fixture
def folder(tmp_path):
    """Two frames in the arrangement of Cityscapes."""
    for name in ('aachen/a', 'bochum/b'):
        for part_, suffix in (('images', SUFFIXES['img_suffix']),
                              ('labels', SUFFIXES['seg_map_suffix']),
                              ('labels', '_gtFine_color.png')):
            path = tmp_path / part_ / f'{name}{suffix}'
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.zeros((4, 6), np.uint8)).save(path)
    return tmp_path


def build(folder, kind=CityscapesDataset, **kwargs):
    return kind(data_root=str(folder), data_prefix=dict(
        img_path='images', seg_map_path='labels'), **SUFFIXES, **kwargs)


def test_pairs__are_all_there(folder):
    assert unpaired_sets(a_look(build(folder))) is None
    assert CHECKS['pairs'] is unpaired_sets


@pytest.mark.parametrize(('name', 'message'), [
    ('labels/aachen/x_gtFine_labelTrainIds.png', 'is a label without'),
    ('images/aachen/x_leftImg8bit.png', 'x_gtFine_labelTrainIds.png is miss'),
    ('images/aachen/x_leftImg8bit.jpg', 'is an image of another format')])
@pytest.mark.parametrize('kind', [CityscapesDataset, BaseSegDataset])
def test_half_a_pair__is_named_with_its_key(name, message, kind, folder):
    (folder / name).touch()
    whole = ConcatDataset([build(folder, kind)], lazy_init=True)
    problem = unpaired_sets(a_look(whole, phase='test'))
    assert problem.startswith('1 files of `test_dataloader.dataset.datasets.0')
    assert message in problem


def test_other_files__are_nobodys_business(folder):
    (folder / 'images/aachen/x_depth.png').touch()
    (folder / 'images/readme.txt').touch()
    assert unpaired_sets(a_look(build(folder))) is None
    assert unpaired_sets(a_look(part(metainfo={}))) is None


@pytest.mark.parametrize('part_of', [dict(indices=1), dict(indices=[1])])
def test_indices__leave_files_out_on_purpose(part_of, folder):
    dataset = build(folder, **part_of)
    assert len(dataset) == 1
    assert unpaired_sets(a_look(dataset)) is None
