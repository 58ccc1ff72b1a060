"""Time the criterion of EoMT against its literal formulation.

Literal: for each prediction and image every target mask is read at the
matching points from a full-size float mask, each cost matrix goes to the
host on its own, and the matched masks are stacked at full size before their
points are read. Ours reads soft labels from the label map, prices pairs with
two matrix products instead of three, and moves all costs at once. Their
losses agree within the noise of sampling, which is printed. Medians of runs
that take turns, as wall time and as CPU time of all threads.

    python benchmarks/bench_criterion.py [--num-points 12544] [--runs 5]
"""
import argparse
import statistics
import time

import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from mmseg_anomaly.models.losses import MaskClassificationLoss

NUM_CLASSES = 11
SIZE_HW = (352, 480)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--num-points', type=int, default=12544)
    parser.add_argument('--few-points', type=int, default=3136)
    parser.add_argument('--batch-size', type=int, default=4)
    parser.add_argument('--num-predictions', type=int, default=4)
    parser.add_argument('--num-queries', type=int, default=100)
    parser.add_argument('--runs', type=int, default=5)
    return parser.parse_args()


def sample(maps: Tensor, points: Tensor) -> Tensor:
    grid = 2 * points[:, :, None] - 1
    return F.grid_sample(maps, grid, align_corners=False)[..., 0]


def literal_match(masks: Tensor, classes: Tensor, targets: Tensor,
                  labels: Tensor, num_points: int) -> tuple:
    points = torch.rand(1, num_points, 2)
    truth = sample(targets[:, None], points.expand(len(targets), -1, -1))
    logits = sample(masks[:, None], points.expand(len(masks), -1, -1))
    truth, logits = truth[:, 0], logits[:, 0]
    pos = F.binary_cross_entropy_with_logits(
        logits, torch.ones_like(logits), reduction='none') / num_points
    neg = F.binary_cross_entropy_with_logits(
        logits, torch.zeros_like(logits), reduction='none') / num_points
    probs = logits.sigmoid()
    dice = 1 - (2 * probs @ truth.T + 1) / (
        probs.sum(1)[:, None] + truth.sum(1)[None] + 1)
    cost = (5 * (pos @ truth.T + neg @ (1 - truth).T) + 5 * dice -
            2 * classes.softmax(-1)[:, labels])
    return linear_sum_assignment(cost.cpu())


def literal_prediction(masks: Tensor, classes: Tensor, targets: list[Tensor],
                       labels: list[Tensor], num_points: int) -> Tensor:
    with torch.no_grad():
        pairs = [literal_match(*image, num_points)
                 for image in zip(masks, classes, targets, labels,
                                  strict=True)]
    matched = torch.cat([m[q] for m, (q, _) in zip(masks, pairs,
                                                   strict=True)])[:, None]
    wanted = torch.cat([t[c] for t, (_, c) in zip(targets, pairs,
                                                  strict=True)])[:, None]
    with torch.no_grad():
        candidates = torch.rand(len(matched), 3 * num_points, 2)
        unsure = -sample(matched, candidates)[:, 0].abs()
        best = unsure.topk(int(0.75 * num_points)).indices
        points = torch.cat((
            candidates.gather(1, best[..., None].expand(-1, -1, 2)),
            torch.rand(len(matched), num_points - best.shape[1], 2)), 1)
        truth = sample(wanted, points)[:, 0]
    logits = sample(matched, points)[:, 0]
    probs = logits.sigmoid()
    mask = F.binary_cross_entropy_with_logits(
        logits, truth, reduction='none').mean(1).sum()
    dice = (1 - (2 * (probs * truth).sum(1) + 1) /
            (probs.sum(1) + truth.sum(1) + 1)).sum()
    classes_wanted = torch.full(classes.shape[:2], NUM_CLASSES)
    for row, label, (q, c) in zip(classes_wanted, labels, pairs, strict=True):
        row[q] = label[c]
    weight = torch.ones(NUM_CLASSES + 1)
    weight[-1] = 0.1
    entropy = F.cross_entropy(classes.flatten(0, 1),
                              classes_wanted.flatten(), weight)
    return 5 * (mask + dice) / len(matched) + 2 * entropy


def literal(masks: list[Tensor], classes: list[Tensor], label_maps: Tensor,
            num_points: int) -> Tensor:
    labels = [m.unique() for m in label_maps]
    labels = [present[present < NUM_CLASSES] for present in labels]
    targets = [(m == present[:, None, None]).float()
               for m, present in zip(label_maps, labels, strict=True)]
    return sum(
        literal_prediction(m.float(), c.float(), targets, labels, num_points)
        for m, c in zip(masks, classes, strict=True))


def ours(masks: list[Tensor], classes: list[Tensor], label_maps: Tensor,
         num_points: int) -> Tensor:
    criterion = MaskClassificationLoss(NUM_CLASSES, num_points)
    losses = criterion.forward_layers(masks, classes, label_maps)
    return sum(sum(layer.values()) for layer in losses)


def make_inputs(args: argparse.Namespace) -> tuple:
    """Blobs as labels, and masks that half know them."""
    height, width = SIZE_HW
    shape = (args.batch_size, NUM_CLASSES + 1, height // 32, width // 32)
    label_maps = F.interpolate(
        torch.randn(shape), SIZE_HW, mode='bicubic').argmax(1)
    label_maps[label_maps == NUM_CLASSES] = 255
    size = (args.batch_size, args.num_queries, height // 4, width // 4)
    masks = [F.avg_pool2d(4 * torch.randn(size), 5, 1, 2).requires_grad_()
             for _ in range(args.num_predictions)]
    classes = [torch.randn(*size[:2], NUM_CLASSES + 1).requires_grad_()
               for _ in range(args.num_predictions)]
    return masks, classes, label_maps


def main() -> None:
    args = parse_args()
    torch.manual_seed(0)
    inputs = make_inputs(args)
    many, few = args.num_points, args.few_points
    cases = {
        f'literal, {many} points': (literal, many),
        f'ours, {many} points': (ours, many),
        f'ours, {few} points': (ours, few),
    }
    wall, cpu, totals = ({name: [] for name in cases} for _ in range(3))
    for _ in range(args.runs):
        for name, (run, num_points) in cases.items():
            start = time.perf_counter(), time.process_time()
            loss = run(*inputs, num_points)
            loss.backward()
            wall[name].append(time.perf_counter() - start[0])
            cpu[name].append(time.process_time() - start[1])
            totals[name].append(loss.item())
    print(f'{args.num_predictions} predictions, {args.batch_size} images of '
          f'{SIZE_HW}, forward and backward, {torch.get_num_threads()} '
          'threads')
    base = f'literal, {many} points'
    for name in cases:
        print(f'{name:22} wall {_compare(wall, name, base)}   '
              f'cpu {_compare(cpu, name, base)}   '
              f'loss {statistics.mean(totals[name]):.3f} +- '
              f'{statistics.stdev(totals[name]):.3f}')


def _compare(seconds: dict[str, list[float]], name: str, base: str) -> str:
    median = statistics.median(seconds[name])
    return f'{median:6.3f} s ({median / statistics.median(seconds[base]):.2f})'


if __name__ == '__main__':
    main()
