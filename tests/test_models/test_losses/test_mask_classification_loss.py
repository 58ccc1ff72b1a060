"""Tests of the criterion against the peers' numbers and small cases."""
import json
import math
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
from mmseg.registry import MODELS
from test_models.instance_targets import InstanceTargets
from torch import Tensor

from mmseg_anomaly.models.eomt.matching import assign
from mmseg_anomaly.models.losses.mask_classification_loss import (
    MaskClassificationLoss,
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
    points = torch.cat(draws[:len(targets.present)])
    costs = MaskClassificationLoss(5, 112).matching_costs(
        tensors[f'{case}.mask_logits'], tensors[f'{case}.class_logits'],
        targets, points)
    pairs = assign(costs.numpy(), targets.present)
    for i, columns in enumerate(targets.present):
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


def _perfect(label_maps: Tensor) -> tuple[Tensor, Tensor]:
    """Query c sees class c and knows its name; two queries are free."""
    masks = torch.stack([label_maps == c for c in range(3)] +
                        [label_maps < 0] * 2, dim=1)
    classes = torch.full((len(label_maps), 5, 4), -20.)
    for query, name in enumerate((0, 1, 2, 3, 3)):
        classes[:, query, name] = 20.
    return (masks.float() - 0.5) * 16, classes


def test_forward__right_answer_costs_little():
    label_maps = torch.zeros(2, 64, 64, dtype=torch.long)
    label_maps[:, 32:] = 1
    label_maps[0, :, 32:] = 2
    masks, classes = _perfect(label_maps)
    classes[1, 2] = classes[1, 3]  # image 1 does not show class 2
    criterion = MaskClassificationLoss(3, 512, importance_sample_ratio=0.)
    losses = criterion(masks, classes, label_maps)
    assert losses['loss_cls'].item() == pytest.approx(0, abs=1e-6)
    # Not 0: labels are soft between pixels and at the border.
    assert losses['loss_mask'].item() < 1
    assert losses['loss_dice'].item() < 0.2
    wrong = criterion(-masks, classes, label_maps)
    assert wrong['loss_mask'].item() > 5
    assert wrong['loss_dice'].item() > 1


def test_forward__void_and_outliers_are_background():
    label_maps = torch.zeros(1, 8, 8, dtype=torch.long)
    label_maps[:, :, 4:] = 255
    masks, classes = torch.full((1, 1, 8, 8), 9.), torch.zeros(1, 1, 4)
    void = MaskClassificationLoss(3, 512)(masks, classes, label_maps)
    assert void['loss_mask'].item() == pytest.approx(5 * 9 / 2, rel=0.2)


def test_forward__class_loss_by_hand():
    classes = torch.tensor([[[0., 0., 0., 0.], [0., 0., 0., math.log(5.)]]])
    masks = torch.stack((torch.full((4, 4), 9.), torch.full((4, 4), -9.)))
    losses = MaskClassificationLoss(3, 16, class_weight=2.)(
        masks[None], classes, torch.ones(1, 4, 4, dtype=torch.long))
    want = (math.log(4) + 0.1 * math.log(8 / 5)) / 1.1
    assert losses['loss_cls'].item() == pytest.approx(2 * want)


def test_forward__without_targets_every_logit_has_a_gradient():
    masks = torch.randn(2, 5, 4, 4, requires_grad=True)
    classes = torch.randn(2, 5, 4, requires_grad=True)
    losses = MaskClassificationLoss(3, 16)(
        masks, classes, torch.full((2, 4, 4), 255))
    sum(losses.values()).backward()
    assert losses['loss_mask'].item() == losses['loss_dice'].item() == 0
    assert masks.grad.eq(0).all()
    assert classes.grad.ne(0).all()


def test_forward__is_float32_under_autocast():
    masks = torch.randn(1, 5, 4, 4).bfloat16().requires_grad_()
    classes = torch.randn(1, 5, 4).bfloat16().requires_grad_()
    label_maps = torch.randint(0, 3, (1, 8, 8))
    criterion = MaskClassificationLoss(3, 64)
    torch.manual_seed(0)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        losses = criterion(masks, classes, label_maps)
    torch.manual_seed(0)
    want = criterion(masks.float(), classes.float(), label_maps)
    assert {loss.dtype for loss in losses.values()} == {torch.float32}
    assert losses == want
    sum(losses.values()).backward()
    assert masks.grad.dtype == torch.bfloat16


def test_forward__fewer_points_only_add_noise():
    torch.manual_seed(0)
    label_maps = torch.randint(0, 3, (1, 4, 4)).repeat_interleave(
        8, 1).repeat_interleave(8, 2)
    masks, classes = torch.randn(1, 6, 16, 16), torch.randn(1, 6, 4)

    def totals(num_points):
        criterion = MaskClassificationLoss(3, num_points)
        return torch.stack([
            torch.stack([*criterion(masks, classes, label_maps).values()])
            for _ in range(24)])
    many, few = totals(2000), totals(500)
    error = ((many.var(0) + few.var(0)) / 24).sqrt()
    assert ((many.mean(0) - few.mean(0)).abs() <= 4 * error + 5e-3).all()
    assert few[:, 0].std() > many[:, 0].std()


@pytest.mark.parametrize('arguments, message', [
    (dict(num_points=0), '`num_points` .* at least 1, got 0'),
    (dict(num_match_points=0), '`num_match_points` .* at least 1, got 0'),
    (dict(oversample_ratio=0.5), '`oversample_ratio` .* got 0.5'),
    (dict(importance_sample_ratio=1.5), 'in .0, 1., got 1.5'),
])
def test_init__bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        MODELS.build(dict(type='MaskClassificationLoss', num_classes=3,
                          **arguments))


def _one_rank(rank: int, port: int, results: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        'gloo', init_method=f'tcp://127.0.0.1:{port}', rank=rank,
        world_size=2)
    label_maps = torch.zeros(1, 4, 4, dtype=torch.long)
    if rank == 0:
        label_maps[0] = torch.arange(4)[:, None].clamp(max=2)
    losses = MaskClassificationLoss(3, 16)(
        torch.zeros(1, 4, 4, 4), torch.zeros(1, 4, 4), label_maps)
    Path(results, f'{rank}.json').write_text(
        json.dumps(losses['loss_mask'].item()))
    dist.destroy_process_group()


def test_forward__divides_by_the_mean_count_over_ranks(tmp_path):
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    torch.multiprocessing.start_processes(
        _one_rank, (port, str(tmp_path)), nprocs=2, start_method='fork')
    losses = [json.loads((tmp_path / f'{rank}.json').read_text())
              for rank in range(2)]
    # Three pairs and one: the mean is 2, each pair costs log 2.
    assert losses == pytest.approx([5 * math.log(2) * 3 / 2,
                                    5 * math.log(2) * 1 / 2])
