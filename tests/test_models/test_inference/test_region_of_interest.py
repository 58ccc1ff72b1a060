import pytest
import torch

from mmseg_anomaly.labels import OUTSIDE_SCORE
from mmseg_anomaly.models.inference.region_of_interest import (
    RegionOfInterest,
    enclosed_region,
)


def mask(text):
    return torch.tensor([[letter == '#' for letter in line]
                         for line in text.split()])


@pytest.mark.parametrize('road, region', [
    # a hole, and one of several parts
    ('..... ##### #.#.# #...# #####', '..... ##### ##### ##### #####'),
    # what stands before the horizon, or at the border of the image
    ('..... ##.## ##.## #####', '..... ##### ##### #####'),
    ('..... ##### ##.## ##.##', '..... ##### ##### #####'),
    # outside a road that narrows with distance
    ('..... ..#.. .#.#. #...#', '..... ..#.. .###. #####'),
    ('..... ..#..', '..... ..#..'),
    ('..... .....', '..... .....'),
    ('##### #####', '##### #####')])
def test_enclosed_region__is_the_convex_hull(road, region):
    road = mask(road)
    before = road.clone()
    assert torch.equal(enclosed_region(road), mask(region))
    assert torch.equal(road, before)


def test_enclosed_region__holds_all_of_the_mask():
    generator = torch.Generator().manual_seed(0)
    road = torch.rand(60, 90, generator=generator) < .01
    region = enclosed_region(road)
    assert region.dtype == torch.bool
    assert (region >= road).all()


def test_restrict__lowers_what_is_outside():
    roi = RegionOfInterest('road', 3)
    names = ['sky', 'road', 'car']
    classes = torch.tensor([[[0, 0, 0, 0], [1, 2, 1, 0]]])
    scores = torch.arange(8.).view(1, 1, 2, 4)
    found, = roi.restrict(dict(a=scores), classes, names).values()
    expected = torch.full((1, 1, 2, 4), OUTSIDE_SCORE)
    expected[0, 0, 1, :3] = torch.tensor([4., 5., 6.])
    assert torch.equal(found, expected)
    assert found.dtype == torch.float32
    assert found.isfinite().all()
    assert found.min() == torch.finfo(torch.float32).min
    assert torch.equal(scores, torch.arange(8.).view(1, 1, 2, 4))


def test_restrict__by_index_needs_no_names():
    scores = dict(a=torch.zeros(1, 1, 1, 2))
    found = RegionOfInterest(0, 2).restrict(
        scores, torch.tensor([[[0, 1]]]), ())
    assert found['a'].tolist() == [[[[0, OUTSIDE_SCORE]]]]


def test_no_region__leaves_scores_alone():
    roi = RegionOfInterest(None, 2)
    scores = dict(a=torch.zeros(1, 1, 1, 2))
    assert roi.restrict(scores, torch.ones(1, 1, 2), ()) is scores
    assert roi.protocol == ''


@pytest.mark.parametrize('roi, error, words', [
    (True, TypeError, 'must be the name of a class, its index or None'),
    (1.5, TypeError, 'got 1.5'),
    (['road'], TypeError, r"got \['road'\]"),
    (3, ValueError, 'index below 3, got 3'),
    (-1, ValueError, 'index below 3, got -1')])
def test_roi__that_is_no_class(roi, error, words):
    with pytest.raises(error, match=words):
        RegionOfInterest(roi, 3)


@pytest.mark.parametrize('names', [
    ('sky', 'street', 'car'), ('road', 'sky'), ()])
def test_names__without_that_class_or_of_another_model(names):
    with pytest.raises(ValueError) as error:
        RegionOfInterest('road', 3).index_in(names)
    assert '`test_cfg.roi` must be one of the 3 classes' in str(error.value)
    assert "got 'road'" in str(error.value)
    assert str(list(names)) in str(error.value)
