from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.dataset import BaseDataset
from mmengine.logging import MMLogger
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from test_evaluation.conftest import read_heatmap

from mmseg_anomaly.engine.hooks import HeatmapHook
from mmseg_anomaly.engine.hooks.heatmap_hook import check_complete

pytest.importorskip('h5py')


class Frames(BaseDataset):
    """A dataset of files that are never opened."""

    data_root = 'data/roads'

    def __init__(self, *infos):
        self.infos = infos  # nothing is read

    def __len__(self):
        return len(self.infos)

    def get_data_info(self, index):
        return dict(self.infos[index])


def sample(img_path, scores, **maps):
    made = SegDataSample(metainfo=dict(img_path=img_path))
    made.pred_anomaly_map = PixelData(data=scores)
    for name, values in maps.items():
        made.set_data({f'anomaly_map_{name}': PixelData(data=values)})
    if maps:
        made.set_metainfo(dict(anomaly_scorers=tuple(maps)))
    return made


def run(hook, frames, samples):
    runner = SimpleNamespace(
        test_dataloader=SimpleNamespace(dataset=frames),
        logger=MMLogger.get_current_instance())
    hook.before_test_epoch(runner)
    for made in samples:
        hook.after_test_iter(runner, 0, {}, [made])
    hook.after_test_epoch(runner)


def files(folder):
    return sorted(path.relative_to(folder).as_posix()
                  for path in folder.rglob('*.hdf5'))


def test_hook__writes_every_scorer_under_official_names(tmp_path):
    frames = Frames(dict(img_path='a/x_leftImg8bit.png', frame_id='x',
                         heatmap_folder='LostAndFound-test'))
    rba = torch.tensor([[[0.25, -1.]]])
    run(HeatmapHook(str(tmp_path), 'eomt'), frames,
        [sample('a/x_leftImg8bit.png', rba, rba=rba, msp=1 + rba)])
    assert files(tmp_path) == [
        'anomaly_p/eomt_msp/LostAndFound-test/x.hdf5',
        'anomaly_p/eomt_rba/LostAndFound-test/x.hdf5']
    np.testing.assert_array_equal(
        read_heatmap(tmp_path / files(tmp_path)[0]), [[1.25, 0.]])


@pytest.mark.parametrize(('name', 'folder'), [(None, 'roads'),
                                              ('own', 'own')])
def test_hook__names_of_a_dataset_without_official_ones(
        tmp_path, name, folder):
    run(HeatmapHook(str(tmp_path), 'eomt', name), Frames(
        dict(img_path='a/x.png')), [sample('a/x.png', torch.zeros(1, 2, 3))])
    assert files(tmp_path) == [f'anomaly_p/eomt/{folder}/x.hdf5']


def test_hook__keeps_images_of_one_stem_apart(tmp_path):
    paths = ('a/x.png', 'b/x.png', 'b/y.png')
    run(HeatmapHook(str(tmp_path), 'eomt'),
        Frames(*(dict(img_path=path) for path in paths)),
        [sample(path, torch.full((1, 2, 2), float(score)))
         for score, path in enumerate(paths)])
    assert files(tmp_path) == [f'anomaly_p/eomt/roads/{name}.hdf5'
                               for name in ('a/x', 'b/x', 'b/y')]
    assert read_heatmap(tmp_path / files(tmp_path)[1]).mean() == 1


def test_hook__refuses_two_images_of_one_official_name(tmp_path):
    frames = Frames(*(dict(img_path=f'{folder}/x.png', frame_id='x',
                           heatmap_folder='roads') for folder in 'ab'))
    with pytest.raises(ValueError, match=r'b/x.png and a/x.png are both '
                       "frame 'x' of 'roads'"):
        run(HeatmapHook(str(tmp_path), 'eomt'), frames, [])


def test_hook__misses_no_frame_of_a_folder(tmp_path):
    frames = Frames(dict(img_path='a/x.png'), dict(img_path='b/x.png'))
    with pytest.raises(ValueError, match=r'1 of 2 frames have no heat map, '
                       r"first \('roads', 'b/x'\)"):
        run(HeatmapHook(str(tmp_path), 'eomt'), frames,
            [sample('a/x.png', torch.zeros(1, 2, 3))])


def test_hook__misses_no_frame(tmp_path):
    frames = Frames(dict(img_path='a/x.png'), dict(img_path='a/y.png'))
    with pytest.raises(ValueError, match=r'1 of 2 frames have no heat map, '
                       r"first \('roads', 'y'\)"):
        run(HeatmapHook(str(tmp_path), 'eomt'), frames,
            [sample('a/x.png', torch.zeros(1, 2, 3))])


def test_check_complete__opens_the_files(tmp_path):
    run(HeatmapHook(str(tmp_path), 'm'), Frames(dict(img_path='a/x.png')),
        [sample('a/x.png', torch.zeros(1, 2, 3))])
    path = tmp_path / 'anomaly_p/m/roads/x.hdf5'
    places = [('roads', 'x')]
    check_complete(places, {str(path): (2, 3)})
    with pytest.raises(ValueError, match=r'shape \(4, 3\), found \(2, 3\)'):
        check_complete(places, {str(path): (4, 3)})
    path.unlink()
    with pytest.raises(ValueError, match=r'\(2, 3\), found no file'):
        check_complete(places, {str(path): (2, 3)})
