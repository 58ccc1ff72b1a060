"""Time the pixel head against its literal form, and against fine-tuning.

The literal form enlarges all channels of the patches to the image, puts the
statistics beside them and runs the layers on every pixel; ours computes the
visual half of the first layer on patches and works in tiles of rows. Then a
training step of the head on a frozen EoMT is held against a fine-tuning step
of that EoMT, with masked attention as fine-tuning starts. Random weights:
time does not depend on them. Medians of runs that take turns, as wall time
and as CPU time of all threads.

    python benchmarks/bench_pixel_head.py [--runs 5] [--train-runs 2]
"""
import argparse

import torch
import torch.nn.functional as F
from measure import Case, compare, peak_memory, take_turns
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from mmseg_anomaly.labels import OUTLIER_INDEX
from mmseg_anomaly.models.backbones import EoMTViT
from mmseg_anomaly.models.decode_heads import (
    EoMTDecodeHead,
    PixelAnomalyHead,
)
from mmseg_anomaly.models.decode_heads.pixel_mlp import PixelMLP

LITERAL = 'forward, literal'
OURS = 'forward, ours'
FINE_TUNING = 'step, fine-tuning EoMT'
HEAD = 'step, pixel head'
HEAD_CP = 'step, pixel head, with_cp'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--arch', default='vit_base_patch14_reg4_dinov2')
    parser.add_argument('--channels', type=int, default=768)
    parser.add_argument('--size', type=int, default=640)
    parser.add_argument('--runs', type=int, default=5)
    parser.add_argument('--train-runs', type=int, default=2)
    return parser.parse_args()


@torch.inference_mode()
def literal(mlp: PixelMLP, statistics: Tensor, patch_map: Tensor) -> Tensor:
    layers = nn.Sequential(mlp.first, *mlp.rest)
    enlarged = F.interpolate(
        patch_map, statistics.shape[2:], mode='bilinear')
    pixels = torch.cat([statistics, enlarged], dim=1).permute(0, 2, 3, 1)
    return layers(pixels).permute(0, 3, 1, 2)


@torch.inference_mode()
def ours(mlp: PixelMLP, statistics: Tensor, patch_map: Tensor) -> Tensor:
    return mlp(statistics, patch_map)


def compare_forward(args: argparse.Namespace) -> None:
    mlp = PixelMLP(4, args.channels).eval()
    inputs = (torch.rand(1, 4, args.size, args.size),
              torch.randn(1, args.channels, args.size // 16, args.size // 16))
    cases = {LITERAL: lambda: literal(mlp, *inputs),
             OURS: lambda: ours(mlp, *inputs)}
    expected, logits = (case() for case in cases.values())
    difference = (logits - expected).abs().max() / expected.abs().max()
    del expected, logits
    seconds = take_turns(cases, args.runs)
    memory = {name: peak_memory(case) for name, case in cases.items()}
    for name in cases:
        print(f'{name:26} {compare(seconds, name, LITERAL)}   peak memory '
              f'{memory[name] / 2**20:5.0f} MB '
              f'({memory[name] / memory[LITERAL]:.3f})')
    print(f'largest difference / largest logit: {difference:.1e}')


def make_sample(size: int) -> SegDataSample:
    blocks = torch.randint(0, 19, (1, size // 32, size // 32))
    label = blocks.repeat_interleave(32, 1).repeat_interleave(32, 2)
    label[:, :size // 4, :size // 4] = OUTLIER_INDEX
    sample = SegDataSample()
    sample.gt_sem_seg = PixelData(data=label)
    return sample


def make_step(backbone: EoMTViT, head: nn.Module, size: int) -> Case:
    model = nn.ModuleList([backbone, head]).train()
    optimizer = torch.optim.AdamW(
        [param for param in model.parameters() if param.requires_grad],
        lr=1e-6)
    inputs, sample = torch.randn(1, 3, size, size), make_sample(size)

    def step() -> None:
        optimizer.zero_grad()
        losses = head.loss(backbone(inputs), [sample], None)
        sum(losses.values()).backward()
        optimizer.step()

    return step


def compare_training(args: argparse.Namespace) -> None:
    vit = dict(arch=args.arch, img_size=(args.size, args.size))
    trained = EoMTDecodeHead(**vit)
    trained.set_attn_mask_probs((0., ) * len(trained.blocks))
    frozen = EoMTViT(frozen=True, **vit)
    cases = {FINE_TUNING: make_step(EoMTViT(**vit), EoMTDecodeHead(**vit),
                                    args.size)}
    for name, with_cp in ((HEAD, False), (HEAD_CP, True)):
        head = PixelAnomalyHead(
            dict(type='EoMTDecodeHead', **vit), with_cp=with_cp)
        head.load_state_dict(trained.state_dict())
        cases[name] = make_step(frozen, head, args.size)
    seconds = take_turns(cases, args.train_runs)
    for name, case in cases.items():
        print(f'{name:26} {compare(seconds, name, FINE_TUNING)}   peak '
              f'memory {peak_memory(case) / 2**20:5.0f} MB')


def main() -> None:
    args = parse_args()
    init_default_scope('mmseg')
    torch.manual_seed(0)
    print(f'one image of {args.size}x{args.size}, {args.channels} channels, '
          f'{torch.get_num_threads()} threads')
    compare_forward(args)
    compare_training(args)


if __name__ == '__main__':
    main()
