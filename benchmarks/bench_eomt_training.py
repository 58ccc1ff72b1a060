"""Time a training step of EoMT against its literal formulation.

Forward, losses, backward and AdamW, under bfloat16 autocast unless told
otherwise. Literal: the attention mask exists for every token and every head,
and every target mask is read at its points from a full-size float mask, by
image and prediction. Both have the same weights, number of points and every
query masked, as at the start of training. Medians of runs that take turns,
as wall time and as CPU time of all threads.

    python benchmarks/bench_eomt_training.py [--model s|b] [--runs 2]
        [--profile]
"""
import argparse
from collections.abc import Callable

import torch
from literal_eomt import blobs, literal_criterion
from measure import compare, print_profile, take_turns
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import Tensor

from mmseg_anomaly.models.backbones import EoMTViT
from mmseg_anomaly.models.decode_heads import EoMTDecodeHead
from mmseg_anomaly.models.scoring.evidence import Prediction

MODELS = {
    's': ('vit_small_patch14_dinov2', (352, 480), 4, 11),
    'b': ('vit_base_patch14_reg4_dinov2', (640, 640), 1, 19),
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        '--model', choices=MODELS, default='s',
        help='s: 4 images of 352x480, 11 classes; '
        'b: 1 image of 640x640, 19 classes')
    parser.add_argument('--num-points', type=int, default=12544)
    parser.add_argument('--few-points', type=int, default=4096)
    parser.add_argument('--runs', type=int, default=2)
    parser.add_argument('--fp32', action='store_true')
    parser.add_argument(
        '--profile', action='store_true', help='where the time goes')
    return parser.parse_args()


class LiteralHead(EoMTDecodeHead):
    """The head as its formulas read."""

    def _attention_mask(self, *args: object) -> Tensor:
        attn_mask = super()._attention_mask(*args)
        num_heads = self.blocks[0].attn.num_heads
        return attn_mask.expand(-1, num_heads, -1, -1)

    def loss_by_feat(self, predictions: list[Prediction],
                     batch_data_samples: list[SegDataSample]
                     ) -> dict[str, Tensor]:
        masks, classes, _ = zip(*predictions, strict=True)
        labels = torch.stack(
            [sample.gt_sem_seg.data[0] for sample in batch_data_samples])
        with torch.autocast('cpu', enabled=False):
            loss = literal_criterion(masks, classes, labels,
                                     self.criterion.num_points)
        return dict(loss=loss)


def make_samples(labels: Tensor) -> list[SegDataSample]:
    samples = []
    for label in labels:
        samples.append(SegDataSample())
        samples[-1].gt_sem_seg = PixelData(data=label[None])
    return samples


def make_step(head_class: type[EoMTDecodeHead], num_points: int,
              args: argparse.Namespace) -> Callable[[], None]:
    """Return a training step of a new model on an image of noise."""
    arch, size_hw, num_images, num_classes = MODELS[args.model]
    torch.manual_seed(0)
    options = dict(arch=arch, img_size=size_hw, num_joint_blocks=3)
    backbone = EoMTViT(**options).train()
    head = head_class(
        num_classes=num_classes,
        num_queries=100,
        criterion=dict(num_points=num_points),
        **options).train()
    optimizer = torch.optim.AdamW([*backbone.parameters(),
                                   *head.parameters()], 1e-5)
    inputs = torch.randn(num_images, 3, *size_hw)
    samples = make_samples(blobs(num_images, size_hw, num_classes))

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast('cpu', torch.bfloat16, enabled=not args.fp32):
            losses = head.loss(backbone(inputs), samples, None)
        sum(losses.values()).backward()
        optimizer.step()

    return step


def main() -> None:
    args = parse_args()
    many, few = args.num_points, args.few_points
    base, ours = f'literal, {many} points', f'ours, {many} points'
    cases = {
        base: make_step(LiteralHead, many, args),
        ours: make_step(EoMTDecodeHead, many, args),
        f'ours, {few} points': make_step(EoMTDecodeHead, few, args),
    }
    arch, size_hw, num_images, _ = MODELS[args.model]
    print(f'{arch}, {num_images} x {size_hw}, '
          f'{"fp32" if args.fp32 else "bf16 autocast"}, '
          f'{torch.get_num_threads()} threads')
    seconds = take_turns(cases, args.runs)
    for name in cases:
        print(f'{name:22} {compare(seconds, name, base)}')
    if args.profile:
        print(ours)
        print_profile(cases[ours])


if __name__ == '__main__':
    main()
