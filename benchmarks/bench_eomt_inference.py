"""Time one image through EoMT, and what annealing and bfloat16 save.

A fully annealed model predicts once, after its last block; one whose joint
blocks mask their attention predicts in front of each of them as well. Every
answer includes the evidence at the size of the image. Random weights: time
does not depend on them. Medians of runs that take turns, as wall time and as
CPU time of all threads; and what the evidence adds to memory at its peak,
against the same sums over enlarged masks that are all there at once.

    python benchmarks/bench_eomt_inference.py [--runs 5] [--profile]
"""
import argparse

import torch
import torch.nn.functional as F
from measure import compare, peak_memory, print_profile, take_turns
from torch import Tensor

from mmseg_anomaly.models.backbones import EoMTViT
from mmseg_anomaly.models.decode_heads import EoMTDecodeHead
from mmseg_anomaly.models.scoring.evidence import Prediction, semantic_evidence

ANNEALED = 'annealed, fp32'
MASKED = 'masked everywhere, fp32'
HALF = 'annealed, bf16 autocast'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--arch', default='vit_base_patch14_reg4_dinov2')
    parser.add_argument('--size', type=int, default=640)
    parser.add_argument('--num-joint-blocks', type=int, default=3)
    parser.add_argument('--runs', type=int, default=5)
    parser.add_argument(
        '--profile', action='store_true', help='where the time goes')
    return parser.parse_args()


class Model:
    """Both halves of an EoMT, answering for one image."""

    def __init__(self, args: argparse.Namespace) -> None:
        options = dict(
            arch=args.arch,
            img_size=(args.size, args.size),
            num_joint_blocks=args.num_joint_blocks)
        self.backbone = EoMTViT(**options).eval()
        self.head = EoMTDecodeHead(
            num_classes=19, num_queries=100, **options).eval()
        self.inputs = torch.randn(1, 3, args.size, args.size)

    @torch.inference_mode()
    def answer(self, prob: float, half: bool) -> dict[str, Tensor]:
        self.head.set_attn_mask_probs([prob] * len(self.head.blocks))
        with torch.autocast('cpu', torch.bfloat16, enabled=half):
            feats = self.backbone(self.inputs)
            return self.head.predict_evidence(feats, [{}], None)


@torch.inference_mode()
def literal_evidence(prediction: Prediction, size: tuple[int, int]) -> Tensor:
    masks = F.interpolate(prediction.mask_logits, size, mode='bilinear')
    return torch.einsum('bqc,bqhw->bchw', prediction.class_logits.softmax(-1),
                        masks.sigmoid())


@torch.inference_mode()
def our_evidence(prediction: Prediction,
                 size: tuple[int, int]) -> dict[str, Tensor]:
    return semantic_evidence(prediction, size)


def print_evidence(size: int, runs: int) -> None:
    """Compare the last step alone, on masks a quarter of the image wide."""
    prediction = Prediction(
        5 * torch.randn(1, 100, size // 4, size // 4),
        torch.randn(1, 100, 20))
    cases = {
        'evidence, all masks at once':
        lambda: literal_evidence(prediction, (size, size)),
        'evidence, ours':
        lambda: our_evidence(prediction, (size, size)),
    }
    seconds = take_turns(cases, runs)
    for name, case in cases.items():
        print(f'{name:27} '
              f'{compare(seconds, name, "evidence, all masks at once")}   '
              f'peak memory {peak_memory(case) / 2**20:4.0f} MB')


def main() -> None:
    args = parse_args()
    torch.manual_seed(0)
    model = Model(args)
    cases = {
        MASKED: lambda: model.answer(1., half=False),
        ANNEALED: lambda: model.answer(0., half=False),
        HALF: lambda: model.answer(0., half=True),
    }
    print(f'{args.arch}, one image of {args.size}x{args.size}, '
          f'{torch.get_num_threads()} threads')
    seconds = take_turns(cases, args.runs)
    for name, base in ((MASKED, MASKED), (ANNEALED, MASKED),
                       (ANNEALED, ANNEALED), (HALF, ANNEALED)):
        print(f'{name:27} {compare(seconds, name, base)} of {base}')
    print_evidence(args.size, args.runs)
    if args.profile:
        for name in (ANNEALED, HALF):
            print(name)
            print_profile(cases[name])


if __name__ == '__main__':
    main()
