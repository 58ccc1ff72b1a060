"""Tests of point sampling, targets and matching by small hand-made cases."""
import math

import numpy as np
import pytest
import torch
from test_models.instance_targets import InstanceTargets

from mmseg_anomaly.models.eomt.matching import (
    SemanticTargets,
    assign,
    pad_labels,
    pairwise_costs,
    sample_corners,
    sample_points,
    select_uncertain_points,
)

WEIGHTS = dict(mask_weight=0., dice_weight=0., class_weight=0.)


def test_sample_points__interpolates_and_sees_zero_outside():
    maps = torch.tensor([[[[1., 3.], [5., 7.]]]])
    points = torch.tensor([[[0.25, 0.25], [0.5, 0.25], [0.5, 0.5], [0., 0.],
                            [1., 0.25]]])
    # Pixel centres lie at 1/4 and 3/4; the corner is a quarter of a pixel.
    torch.testing.assert_close(sample_points(maps, points),
                               torch.tensor([[[1., 2., 4., 0.25, 1.5]]]))


def test_sample_points__x_is_the_column():
    maps = torch.tensor([[[[1., 2., 3.]]]])
    points = torch.tensor([[[5 / 6, 0.5]]])
    assert sample_points(maps, points).item() == pytest.approx(3.)


def test_pad_labels__outside_and_reserved_are_no_class():
    padded = pad_labels(torch.tensor([[[0, 2], [255, 254]]]), 3)
    assert padded.tolist() == [[[3, 3, 3, 3], [3, 0, 2, 3], [3, 3, 3, 3],
                                [3, 3, 3, 3]]]


def test_sample_corners__weights_are_bilinear():
    padded = pad_labels(torch.tensor([[[0, 1], [2, 3]]]), 4)
    points = torch.tensor([[[0.375, 0.5]]])
    labels, weights = sample_corners(padded, torch.tensor([0]), points)
    assert labels.flatten().tolist() == [0, 1, 2, 3]
    assert weights.flatten().tolist() == [0.375, 0.125, 0.375, 0.125]


@pytest.mark.parametrize('size_hw', [(1, 1), (5, 9), (32, 20)])
def test_semantic_targets__equal_float_masks(size_hw):
    torch.manual_seed(0)
    label_maps = torch.randint(0, 6, (3, *size_hw))
    label_maps[label_maps == 4] = 255
    label_maps[label_maps == 5] = 254
    masks = torch.stack([label_maps == c for c in range(4)], 1).float()
    targets = SemanticTargets(label_maps, 4)
    points = torch.rand(3, 500, 2)
    points[:, :4] = torch.tensor([[0., 0.], [1., 1.], [0., 1.], [1., 0.]])
    want = sample_points(masks, points)  # (3, 4, 500)
    for image in range(3):
        soft = targets.sample(image, points[image])
        torch.testing.assert_close(soft[:, :4].T, want[image], atol=1e-5,
                                   rtol=0)
        torch.testing.assert_close(soft.sum(1), torch.ones(500))
    images, columns = torch.tensor([2, 0, 0]), torch.tensor([1, 3, 0])
    soft = targets.sample_matches(images, columns, points)
    for row, (image, column) in enumerate(zip(images, columns, strict=True)):
        torch.testing.assert_close(
            soft[row],
            sample_points(masks[image, column][None, None],
                          points[row:row + 1])[0, 0], atol=1e-5, rtol=0)


def test_semantic_targets__are_the_classes_seen():
    label_maps = torch.tensor([[[2, 0], [255, 254]], [[255, 255], [253, 254]],
                               [[1, 1], [1, 1]]], dtype=torch.uint8)
    targets = SemanticTargets(label_maps, 3)
    assert [c.tolist() for c in targets.present] == [[0, 2], [], [1]]
    assert targets.class_labels[0, :3].tolist() == [0, 1, 2]


def test_semantic_targets__negative_label_is_refused():
    with pytest.raises(ValueError, match='negative label'):
        SemanticTargets(torch.tensor([[[0, -1]]]), 3)


@pytest.mark.parametrize('label', [3, 7, 252, 256])
def test_semantic_targets__an_id_that_means_nothing_is_refused(label):
    with pytest.raises(ValueError, match=rf'`num_classes` 3.*\[{label}\]'):
        SemanticTargets(torch.tensor([[[0, label], [254, 255]]]), 3)


def test_instance_targets__may_overlap_and_differ_in_number():
    whole, left = torch.ones(2, 2), torch.tensor([[1., 0.], [1., 0.]])
    targets = InstanceTargets(
        [torch.stack((whole, left)).bool(), whole[None].bool()],
        [torch.tensor([4, 1]), torch.tensor([2])])
    assert [c.tolist() for c in targets.present] == [[0, 1], [0]]
    assert targets.class_labels[0].tolist() == [4, 1]
    centre = torch.tensor([[0.5, 0.5]])
    assert targets.sample(0, centre).tolist() == [[1., 0.5]]
    pair = targets.sample_matches(torch.tensor([0]), torch.tensor([1]),
                                torch.tensor([[[0.25, 0.5]]]))
    assert pair.tolist() == [[1.]]


def test_select_uncertain_points__judges_after_interpolation():
    mask_logits = torch.tensor([[[-1., 1.]]])
    candidates = torch.tensor([[[0.25, 0.5], [0.5, 0.5], [0.75, 0.5],
                                [0.6, 0.5]]])
    chosen = select_uncertain_points(mask_logits, candidates, 2)
    assert sorted(chosen[0, :, 0].tolist()) == pytest.approx([0.5, 0.6])


def _costs(point_logits, point_labels, class_logits=None, **weights):
    if class_logits is None:
        class_logits = torch.zeros(len(point_logits), 3)
    labels = torch.arange(point_labels.shape[1])
    return pairwise_costs(point_logits, point_labels, class_logits, labels,
                          **{**WEIGHTS, **weights})


def test_pairwise_costs__cross_entropy_by_hand():
    costs = _costs(torch.tensor([[0., math.log(3.)]]),
                   torch.tensor([[1., 0.], [1., 0.5]]), mask_weight=2.)
    # The probabilities are 1/2 and 3/4.
    want = [math.log(2) + math.log(4 / 3),
            math.log(2) + (math.log(4 / 3) + math.log(4)) / 2]
    assert costs[0].tolist() == pytest.approx(want)


def test_pairwise_costs__dice_by_hand():
    costs = _costs(torch.tensor([[0., math.log(3.)]]),
                   torch.tensor([[1., 0.], [1., 0.]]), dice_weight=3.)
    want = [3 * (1 - (2 * 1.25 + 1) / (1.25 + 2 + 1)),
            3 * (1 - 1 / (1.25 + 1))]
    assert costs[0].tolist() == pytest.approx(want)


def test_pairwise_costs__class_by_hand():
    costs = _costs(torch.zeros(1, 1), torch.zeros(1, 2),
                   torch.tensor([[0., math.log(2.), 0.]]), class_weight=4.)
    assert costs[0].tolist() == pytest.approx([-1., -2.])


def test_pairwise_costs__huge_logits_stay_exact():
    costs = _costs(torch.tensor([[-500., 500.], [500., -500.]]),
                   torch.tensor([[0.], [1.]]), mask_weight=1.)
    assert costs[:, 0].tolist() == pytest.approx([0., 500.], abs=1e-5)


def test_pairwise_costs__never_stop_the_matching():
    logits = torch.tensor([[float('nan')], [float('inf')], [1e20]])
    costs = _costs(logits, torch.zeros(1, 1), mask_weight=1.)
    assert costs.isfinite().all()
    assert costs[2, 0] == 1e10


def test_assign__takes_the_lowest_total():
    costs = np.array([[[1., 2., -9.], [2., 9., -9.], [8., 8., -9.]]])
    # Greedy would take 1 + 8; the best total is 2 + 2.
    pairs = assign(costs, [np.array([0, 1])])
    assert pairs[0].tolist() == [[0, 1], [1, 0]]


def test_assign__copes_with_few_queries_and_no_targets():
    costs = np.array([[[3., 1., 2.]], [[3., 1., 2.]], [[3., 1., 2.]]])
    pairs = assign(costs, [np.array([0, 2]), np.array([], int),
                           np.array([0, 1, 2])])
    assert [p.tolist() for p in pairs] == [[[0], [2]], [[], []], [[0], [1]]]
