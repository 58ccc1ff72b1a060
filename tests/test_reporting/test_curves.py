import math
import xml.etree.ElementTree as ElementTree

import pytest
from PIL import Image

from mmseg_anomaly.reporting.curves import (
    precision_recall_figure,
    roc_figure,
    write_curves,
)


def report(recall, precision, fpr):
    return dict(
        values=dict(AuPRC=62.5, FPR95=33.3),
        curves=dict(thresholds=list(range(len(recall), 0, -1)),
                    recall=recall, precision=precision, fpr=fpr))


@pytest.fixture
def scorers():
    return {'rba': report([.5, 1.], [1., .5], [0., .5])}


@pytest.fixture
def summary(scorers):
    return dict(scorers=scorers, num_positives=2, num_pixels=8)


def points(figure, index=0):
    x, y = figure.axes[0].lines[index].get_data()
    return list(x), list(y)


def test_precision_recall__starts_at_recall_0(scorers):
    figure = precision_recall_figure('Road', scorers, 0.25)
    assert points(figure) == ([0, .5, 1], [1, 1, .5])
    assert points(figure, 1)[1] == [0.25, 0.25]
    texts = [text.get_text()
             for text in figure.axes[0].get_legend().get_texts()]
    assert texts == ['rba, 62.5', 'chance']


def test_roc__starts_at_the_origin(scorers):
    figure = roc_figure('Road', scorers)
    assert points(figure) == ([0, 0, .5], [0, .5, 1])
    assert points(figure, 1)[1] == [0.95, 0.95]


def test_curves__of_many_scorers_all_differ(scorers):
    many = {f'scorer{i}': scorers['rba'] for i in range(20)}
    figure = roc_figure('Road', many)
    looks = {(line.get_color(), line.get_linestyle())
             for line in figure.axes[0].lines[:20]}
    assert len(looks) == 20


def test_write_curves__png_and_svg(tmp_path, summary):
    paths = write_curves(tmp_path / 'new', 'Road', summary)
    assert [path.name for path in paths] == [
        'pr_curve.png', 'pr_curve.svg', 'roc_curve.png', 'roc_curve.svg']
    for path in paths:
        if path.suffix == '.png':
            assert Image.open(path).size == (840, 690)
        else:
            assert ElementTree.parse(path).getroot().tag.endswith('svg')


def test_write_curves__equal_results_give_equal_files(tmp_path, summary):
    first, second = (
        [path.read_bytes() for path in write_curves(tmp_path / name, 'Road',
                                                    summary)]
        for name in ('a', 'b'))
    assert first == second


def test_write_curves__nothing_without_an_anomaly(tmp_path, summary):
    summary['scorers']['rba'] = report([], [], [])
    summary['scorers']['rba']['values']['AuPRC'] = math.nan
    assert write_curves(tmp_path, 'Road', summary) == []
    assert list(tmp_path.iterdir()) == []
