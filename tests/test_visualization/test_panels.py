import numpy as np
import pytest

from mmseg_anomaly.class_names import class_colors
from mmseg_anomaly.labels import OUTSIDE_SCORE
from mmseg_anomaly.visualization import panels

GREEN = (0, 200, 0)


def test_shrink__keeps_small_pictures_and_the_aspect_ratio():
    assert panels.shrink(np.zeros((10, 20)), 20).shape == (10, 20)
    assert panels.shrink(np.zeros((10, 20, 3)), 10).shape == (5, 10, 3)


def test_shrink__keeps_label_values():
    label = np.tile(np.array([3, 254], np.uint8), (8, 4))
    values = set(np.unique(panels.shrink(label, 4, keep_values=True)))
    assert values <= {3, 254}


def test_class_colors__go_on_where_the_palette_ends():
    colors = class_colors(4, [[1, 2, 3]])
    assert colors[0] == (1, 2, 3)
    assert len(set(colors)) == 4
    assert len(class_colors(2, None)) == 2


def test_paint_classes__mixes_and_leaves_unknown_ids():
    image = np.full((1, 2, 3), 100, np.uint8)
    label = np.array([[0, 253]], np.uint8)
    painted = panels.paint_classes(image, label, [GREEN], 0.5)
    assert painted.tolist() == [[[50, 150, 50], [100, 100, 100]]]


def test_paint_ground_truth__reserved_ids():
    image = np.full((1, 4, 3), 100, np.uint8)
    label = np.array([[0, 253, 254, 255]], np.uint8)
    painted = panels.paint_ground_truth(image, label, [GREEN], 0.6)
    assert painted[0].tolist() == [[40, 160, 40], [100, 100, 100],
                                   [193, 40, 40], [82, 82, 82]]


def test_outline__marks_the_border_only():
    mask = np.zeros((7, 7), bool)
    mask[1:6, 1:6] = True
    picture = panels.outline(np.zeros((7, 7, 3), np.uint8), mask)
    red = (picture == (255, 0, 0)).all(axis=2)
    assert red[1, 1:6].all()
    assert red.sum() == 16


def test_robust_range__ignores_outliers_and_nan():
    scores = np.array([np.nan, np.inf, *range(101)])
    assert panels.robust_range(scores, (1, 99)) == (1, 99)
    assert np.isnan(panels.robust_range(np.array([np.nan]), (1, 99))).all()


def test_robust_range__of_a_region_of_interest():
    scores = np.array([OUTSIDE_SCORE] * 99 + [2, 4], np.float32)
    assert panels.robust_range(scores, (0, 100)) == (2, 4)
    heat = panels.heat_map(scores[None], 2, 4)[0]
    assert (heat[0] == heat[-2]).all()


def test_heat_map__is_brighter_where_scores_are_larger():
    heat = panels.heat_map(np.array([[-9., 0., .5, 1., 9.]]), 0, 1)
    light = heat.astype(int).sum(axis=2)[0]
    assert light[0] == light[1] < light[2] < light[3] == light[4]


def test_heat_map__constant_and_nan_scores():
    heat = panels.heat_map(np.array([[2., 2., np.nan]]), 2, 2)
    assert heat[0, 0].tolist() == heat[0, 1].tolist()
    assert heat[0, 2].tolist() == [255, 0, 255]


def test_color_bar__is_bright_above():
    bar = panels.color_bar(60, -1, 1).astype(int)
    assert bar.shape[0] == 60
    assert bar[0, 0].sum() > bar[30, 0].sum() > bar[-1, 0].sum()


def test_side_by_side__puts_gaps_between():
    pictures = [np.full((5, 3, 3), value, np.uint8) for value in (90, 180)]
    joined = panels.side_by_side(pictures, gap_px=2)
    assert joined.shape == (5, 8, 3)
    assert joined[0, [0, 7], 0].tolist() == [90, 180]


def test_legend__breaks_lines():
    entries = [(f'name {i}', (9 * i, 0, 0)) for i in range(8)]
    wide, narrow = panels.legend(2000, entries), panels.legend(100, entries)
    assert wide.shape == (20, 2000, 3)
    assert narrow.shape[0] == 8 * 20


def test_legend_entries__name_what_occurs():
    labels = [np.array([1, 255]), np.array([2, 254, 253])]
    entries = panels.legend_entries(labels, ['a', 'b'], [GREEN] * 3)
    assert [name for name, _ in entries] == [
        'b', 'class 2', 'no class annotated', 'anomaly', 'void'
    ]


@pytest.mark.parametrize('height', [1, 30])
def test_titled__adds_a_line(height):
    picture = np.zeros((height, 50, 3), np.uint8)
    assert panels.titled(picture, 'title').shape == (height + 20, 50, 3)
