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
from collections.abc import Callable

import torch
import torch.nn.functional as F
from literal_eomt import blobs, literal_criterion
from measure import compare, take_turns
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


def ours(masks: list[Tensor], classes: list[Tensor], label_maps: Tensor,
         num_points: int) -> Tensor:
    criterion = MaskClassificationLoss(NUM_CLASSES, num_points)
    losses = criterion.forward_layers(masks, classes, label_maps)
    return sum(sum(layer.values()) for layer in losses)


def make_inputs(args: argparse.Namespace) -> tuple:
    """Blobs as labels, and masks that half know them."""
    height, width = SIZE_HW
    label_maps = blobs(args.batch_size, SIZE_HW, NUM_CLASSES)
    size = (args.batch_size, args.num_queries, height // 4, width // 4)
    masks = [F.avg_pool2d(4 * torch.randn(size), 5, 1, 2).requires_grad_()
             for _ in range(args.num_predictions)]
    classes = [torch.randn(*size[:2], NUM_CLASSES + 1).requires_grad_()
               for _ in range(args.num_predictions)]
    return masks, classes, label_maps


def make_case(criterion: Callable[..., Tensor], inputs: tuple,
              num_points: int, totals: list[float]) -> Callable[[], None]:
    """Return a forward and backward pass that notes its loss."""

    def case() -> None:
        loss = criterion(*inputs, num_points)
        loss.backward()
        totals.append(loss.item())

    return case


def main() -> None:
    args = parse_args()
    torch.manual_seed(0)
    inputs = make_inputs(args)
    many, few = args.num_points, args.few_points
    base = f'literal, {many} points'
    settings = {
        base: (literal_criterion, many),
        f'ours, {many} points': (ours, many),
        f'ours, {few} points': (ours, few),
    }
    totals = {name: [] for name in settings}
    seconds = take_turns(
        {
            name: make_case(criterion, inputs, num_points, totals[name])
            for name, (criterion, num_points) in settings.items()
        }, args.runs)
    print(f'{args.num_predictions} predictions, {args.batch_size} images of '
          f'{SIZE_HW}, forward and backward, {torch.get_num_threads()} '
          'threads')
    for name in settings:
        print(f'{name:22} {compare(seconds, name, base)}   '
              f'loss {statistics.mean(totals[name]):.3f} +- '
              f'{statistics.stdev(totals[name]):.3f}')


if __name__ == '__main__':
    main()
