"""Tests of the criterion against the peers' numbers and small cases."""
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from mmseg_anomaly.models.losses.mask_classification_loss import (
    MaskClassificationLoss,
)
from mmseg_anomaly.models.matching import (
    InstanceTargets,
    assign,
)

CASES = ('semantic', 'single_target', 'more_targets_than_queries',
         'one_image_without_targets', 'no_targets_at_all',
         'saturated_logits')


class Replay:
    """Hand out recorded draws in order, refusing another shape."""

    def __init__(self, draws: list[Tensor]) -> None:
        self.draws = draws

    def __call__(self, shape: tuple[int, ...]) -> Tensor:
        draw = self.draws.pop(0)
        assert tuple(draw.shape) == tuple(shape)
        return draw


@pytest.fixture(scope='module')
def fixture(reference_dir: Path) -> tuple[dict, dict[str, Tensor]]:
    numbers = json.loads((reference_dir / 'C_mask_loss.json').read_text())
    with np.load(reference_dir / 'C_mask_loss.npz') as arrays:
        tensors = {key: torch.from_numpy(arrays[key]) for key in arrays}
    return numbers, tensors


def _load(tensors: dict[str, Tensor], case: str):
    count = sum(key.startswith(f'{case}.target') for key in tensors) // 2
    targets = InstanceTargets(
        [tensors[f'{case}.target{i}.masks'] for i in range(count)],
        [tensors[f'{case}.target{i}.labels'] for i in range(count)])
    draws = [tensors[f'{case}.rand{i}'] for i in range(
        sum(key.startswith(f'{case}.rand') for key in tensors))]
    return targets, draws


@pytest.mark.parametrize('case', CASES)
def test_forward__matches_reference(fixture, case):
    numbers, tensors = fixture
    targets, draws = _load(tensors, case)
    masks = tensors[f'{case}.mask_logits'].requires_grad_()
    classes = tensors[f'{case}.class_logits'].requires_grad_()
    replay = Replay(draws)
    losses = MaskClassificationLoss(5, 112)(masks, classes, targets, replay)
    assert not replay.draws
    want = numbers['cases'][case]
    for ours, theirs, weight in (('loss_mask', 'loss_mask', 5),
                                 ('loss_dice', 'loss_dice', 5),
                                 ('loss_cls', 'loss_cross_entropy', 2)):
        assert losses[ours].item() == pytest.approx(
            weight * want['losses'][theirs], rel=1e-5)
    total = sum(losses.values())
    assert total.item() == pytest.approx(want['total'], rel=1e-5)
    total.backward()
    for name, logits in (('mask', masks), ('class', classes)):
        torch.testing.assert_close(
            logits.grad, tensors[f'{case}.grad_{name}_logits'],
            atol=1e-6, rtol=0)


@pytest.mark.parametrize('case', CASES)
def test_costs__match_reference(fixture, case):
    _, tensors = fixture
    targets, draws = _load(tensors, case)
    points = torch.cat(draws[:len(targets.columns)])
    costs = MaskClassificationLoss(5, 112).costs(
        tensors[f'{case}.mask_logits'], tensors[f'{case}.class_logits'],
        targets, points)
    pairs = assign(costs.numpy(), targets.columns)
    for i, columns in enumerate(targets.columns):
        torch.testing.assert_close(
            costs[i, :, :len(columns)], tensors[f'{case}.cost_matrix{i}'],
            atol=2e-5, rtol=1e-5)
        assert pairs[i].tolist() == tensors[f'{case}.indices{i}'].tolist()


def test_forward_layers__matches_reference(fixture):
    numbers, tensors = fixture
    targets, draws = _load(tensors, 'layers')
    losses = MaskClassificationLoss(5, 112).forward_layers(
        tensors['layers.mask_logits'], tensors['layers.class_logits'],
        targets, Replay(draws))
    logged = numbers['layers']['logged']
    for layer, suffix in zip(losses, ('_block_-2', '_block_-1', ''),
                             strict=True):
        for ours, theirs, weight in (('loss_mask', 'mask', 5),
                                     ('loss_dice', 'dice', 5),
                                     ('loss_cls', 'cross_entropy', 2)):
            assert layer[ours].item() == pytest.approx(
                weight * logged[f'losses/train_loss_{theirs}{suffix}'],
                rel=1e-5)
    total = sum(sum(layer.values()) for layer in losses)
    assert total.item() == pytest.approx(numbers['layers']['total'],
                                         rel=1e-5)


def test_forward__semantic_targets_equal_masks():
    torch.manual_seed(0)
    label_maps = torch.randint(0, 7, (2, 12, 10))
    label_maps[label_maps > 4] = 255
    label_maps[0][label_maps[0] == 2] = 254
    labels = [torch.tensor([0, 1, 3, 4]), torch.arange(5)]
    masks = [m == k[:, None, None]
             for m, k in zip(label_maps, labels, strict=True)]
    mask_logits, class_logits = torch.randn(2, 8, 6, 5), torch.randn(2, 8, 6)
    results = []
    for targets in (label_maps, InstanceTargets(masks, labels)):
        torch.manual_seed(1)
        results.append(MaskClassificationLoss(5, 64)(
            mask_logits, class_logits, targets))
    for name, value in results[0].items():
        assert value.item() == pytest.approx(results[1][name].item(),
                                             rel=1e-5)
