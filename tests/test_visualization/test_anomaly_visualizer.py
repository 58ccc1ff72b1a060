import json

import cv2
import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from tensorboard.backend.event_processing.event_accumulator import (
    EventAccumulator,
)

from mmseg_anomaly.visualization import AnomalyLocalVisualizer

RED = [255, 0, 0]
WHITE = [255, 255, 255]


@pytest.fixture
def visualizer():
    made = AnomalyLocalVisualizer(max_side_px=64)
    made.dataset_meta = {'classes': ('road', 'sky'),
                         'palette': [[0, 200, 0], [0, 0, 200]]}
    return made


def full_sample(size_hw=(30, 60)):
    label = torch.zeros(1, *size_hw, dtype=torch.int64)
    label[:, 10:20, 10:20] = 254
    scores = torch.zeros(1, *size_hw)
    scores[:, 10:20, 10:20] = 1.
    sample = SegDataSample(metainfo={'anomaly_scorers': ('rba', )})
    sample.set_data({
        'gt_sem_seg': PixelData(data=label),
        'pred_sem_seg': PixelData(data=torch.ones_like(label)),
        'pred_anomaly_map': PixelData(data=scores)
    })
    return sample


def image(size_hw=(30, 60)):
    return np.full((*size_hw, 3), 100, np.uint8)


def test_draw__four_panels_from_left_to_right(visualizer):
    drawn = visualizer.draw(image(), full_sample())
    row = 20 + 5  # below the title
    bar_px = 16 + 64
    assert drawn.shape[1] == 4 * 60 + 3 * 4 + bar_px
    starts = [i * 64 for i in range(4)]
    assert drawn[row, starts[0] + 5].tolist() == [100, 100, 100]
    assert drawn[row, starts[1] + 5].tolist() == [40, 160, 40]
    assert drawn[row, starts[2] + 5].tolist() == [40, 40, 160]
    dark, bright = (drawn[row + y, starts[3] + x].astype(int).sum()
                    for y, x in ((0, 5), (10, 15)))
    assert bright > dark


def test_draw__outlines_true_anomalies_in_every_result(visualizer):
    drawn = visualizer.draw(image(), full_sample())
    for panel in (1, 2, 3):
        assert drawn[20 + 10, panel * 64 + 12].tolist() == RED
    assert drawn[20 + 10, 12].tolist() != RED


def two_scorers():
    sample = full_sample()
    sample.set_metainfo({'anomaly_scorers': ('rba', 'msp')})
    rba = sample.pred_anomaly_map.data
    sample.set_data({
        'anomaly_map_rba': PixelData(data=rba),
        'anomaly_map_msp': PixelData(data=1 - rba)
    })
    return sample


def test_draw__a_heat_map_for_each_scorer_asked_for():
    visualizer = AnomalyLocalVisualizer(scorers=['msp', 'rba'])
    drawn = visualizer.draw(
        image(), two_scorers(), draw_gt=False, with_labels=False)
    panel_px = 60 + 16 + 64 + 4
    assert drawn.shape[1] == 2 * 64 + 2 * panel_px - 4
    inside, outside = (
        [drawn[20 + 15, 2 * 64 + i * panel_px + x].astype(int).sum()
         for i in range(2)] for x in (15, 40))
    assert outside[0] > inside[0]  # msp was made the inverse of rba
    assert outside[1] < inside[1]


def test_draw__says_which_scorer_the_model_lacks():
    visualizer = AnomalyLocalVisualizer(scorers=['energy'])
    with pytest.raises(ValueError, match=r"draw \['energy'\], the model "
                       r"computes \('rba', 'msp'\)"):
        visualizer.draw(image(), two_scorers())


def test_threshold__outlines_the_decision_on_image_and_heat_map():
    visualizer = AnomalyLocalVisualizer(max_side_px=64, threshold=0.5)
    sample = full_sample()
    del sample.gt_sem_seg
    drawn = visualizer.draw(image(), sample)
    for panel in (0, 2):  # image, classes, heat map
        assert drawn[20 + 10, panel * 64 + 12].tolist() == WHITE
        assert drawn[20 + 5, panel * 64 + 5].tolist() != WHITE
    assert drawn[20 + 10, 64 + 12].tolist() != WHITE


def test_threshold__is_exceeded_by_what_it_flags():
    visualizer = AnomalyLocalVisualizer(max_side_px=64, threshold=1.)
    drawn = visualizer.draw(image(), full_sample())
    assert (drawn[20:50, :60] == image()).all()


def threshold_file(tmp_path, scorer='msp'):
    path = tmp_path / 'a.threshold.json'
    path.write_text(json.dumps(dict(
        scorer=scorer, threshold=0.5, checkpoint_sha256='ab')))
    return str(path)


def test_threshold__of_a_file_judges_the_scorer_it_names(tmp_path):
    visualizer = AnomalyLocalVisualizer(threshold=threshold_file(tmp_path))
    drawn = visualizer.draw(
        image(), two_scorers(), draw_gt=False, with_labels=False)
    heat = 2 * 64
    # msp was made the inverse of rba: everything but the square
    assert drawn[20, 2].tolist() == WHITE
    bright, dark = (drawn[20 + y, heat + x].astype(int).sum()
                    for y, x in ((5, 5), (15, 15)))
    assert bright > dark


def test_threshold__judges_one_of_several_heat_maps(tmp_path):
    visualizer = AnomalyLocalVisualizer(
        scorers=['rba', 'msp'], threshold=threshold_file(tmp_path, 'rba'))
    drawn = visualizer.draw(
        image(), two_scorers(), draw_gt=False, with_labels=False)
    panel_px = 60 + 16 + 64 + 4
    edges = [drawn[20 + 10, 2 * 64 + i * panel_px + 12].tolist()
             for i in range(2)]
    assert edges[0] == WHITE
    assert edges[1] != WHITE


def test_threshold__says_whose_scores_it_judges(tmp_path):
    with pytest.raises(ValueError, match='a number as `threshold` needs one'):
        AnomalyLocalVisualizer(scorers=['rba', 'msp'], threshold=0.5)
    with pytest.raises(ValueError, match="threshold of 'msp', the visualizer "
                       r"draws \('rba',\); add it"):
        AnomalyLocalVisualizer(
            scorers=['rba'], threshold=threshold_file(tmp_path))


def test_draw__leaves_out_what_is_missing(visualizer):
    sample = full_sample()
    del sample.pred_anomaly_map
    assert visualizer.draw(image(), sample).shape[1] == 3 * 60 + 2 * 4
    assert visualizer.draw(
        image(), sample, draw_gt=False).shape[1] == 2 * 60 + 4
    empty = SegDataSample()
    assert visualizer.draw(image(), empty).shape[:2] == (50, 60)


def test_draw__shrinks_large_panels_and_keeps_small_anomalies(visualizer):
    sample = full_sample((300, 640))
    sample.gt_sem_seg.data.fill_(0)
    sample.gt_sem_seg.data[0, 155, 155] = 254  # less than a pixel when drawn
    drawn = visualizer.draw(image((300, 640)), sample, with_labels=False)
    assert drawn.shape[0] == 30 + 20
    assert drawn[20 + 15, 3 * 68 + 15].tolist() == RED


def test_draw__without_class_names(visualizer):
    visualizer.dataset_meta = {}
    drawn = visualizer.draw(image(), full_sample())
    assert drawn[25, 2 * 64 + 5].tolist() != [100, 100, 100]


def test_draw__says_when_sizes_differ(visualizer):
    with pytest.raises(ValueError, match='gt_sem_seg and image must have one'):
        visualizer.draw(image((30, 50)), full_sample())


def test_add_datasample__writes_a_file(visualizer, tmp_path):
    path = tmp_path / 'new' / 'a.png'
    visualizer.add_datasample(
        'a', image(), full_sample(), out_file=str(path))
    expected = visualizer.draw(image(), full_sample())
    assert np.array_equal(cv2.imread(str(path))[..., ::-1], expected)
    assert np.array_equal(visualizer.get_image(), expected)


def test_add_datasample__shows_and_writes(visualizer, tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(
        visualizer, 'show',
        lambda drawn, win_name, wait_time: shown.append((win_name, wait_time)))
    path = tmp_path / 'a.png'
    visualizer.add_datasample(
        'a', image(), show=True, wait_time=2, out_file=str(path))
    assert shown == [('a', 2)]
    assert path.is_file()
    added = []
    monkeypatch.setattr(
        visualizer, 'add_image', lambda name, *_: added.append(name))
    visualizer.add_datasample('b', image(), show=True)
    assert added == ['b']


@pytest.mark.parametrize('rank, tags', [(0, ['a']), (1, [])])
def test_add_datasample__every_rank_writes_to_disk(
        rank, tags, tmp_path, monkeypatch):
    monkeypatch.setattr('mmengine.dist.utils.get_rank', lambda group: rank)
    made = AnomalyLocalVisualizer(
        vis_backends=[{'type': 'LocalVisBackend'},
                      {'type': 'TensorboardVisBackend'}],
        save_dir=str(tmp_path))
    made.dataset_meta = {'classes': ('road', 'sky'),
                         'palette': [[0, 200, 0], [0, 0, 200]]}
    made.add_datasample('a', image(), full_sample())
    made.close()

    written = cv2.imread(str(tmp_path / 'vis_data/vis_image/a_0.png'))
    assert written[25, 64 + 5].tolist() == [40, 160, 40]
    events = EventAccumulator(str(tmp_path / 'vis_data'))
    events.Reload()
    assert events.Tags()['images'] == tags


@pytest.mark.parametrize('options, message', [
    ({'colormap': 'jet'}, "`colormap` must be one of .*'viridis'"),
    ({'percentiles': (99, 1)}, '`percentiles` must rise'),
])
def test_init__refuses_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        AnomalyLocalVisualizer(**options)
