"""Time a pass that makes the maps of all scorers against a pass with one.

Each pass is the whole of what testing does with an image on one model:
EoMT, windows, evidence, resizing, classes and maps. Random weights: time
does not depend on them. Medians of runs that take turns, as wall time and as
CPU time of all threads. Then each scorer alone, on evidence of that size.

    python benchmarks/bench_scorers.py [--runs 5]
"""
import argparse
import statistics

import torch
from measure import compare, take_turns
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from torch import nn

from mmseg_anomaly.models.scoring.scorer_configs import (
    build_scorers,
    fitting_scorers,
)

ONE = 'one scorer'
ALL = 'all scorers'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--arch', default='vit_base_patch14_reg4_dinov2')
    parser.add_argument('--size', type=int, default=640)
    parser.add_argument('--scorer', default='rba', help='the one scorer')
    parser.add_argument('--runs', type=int, default=5)
    return parser.parse_args()


def build_model(args: argparse.Namespace) -> nn.Module:
    vit = dict(arch=args.arch, img_size=(args.size, args.size))
    model = MODELS.build(dict(
        type='SlideInferenceWithStitch',
        backbone=dict(type='EoMTViT', **vit),
        decode_head=dict(type='EoMTDecodeHead', num_classes=19, **vit),
        test_cfg=dict(mode='slide', crop_size=(args.size, args.size),
                      scorer=args.scorer))).eval()
    # as after training: one prediction, behind the last block
    model.decode_head.set_attn_mask_probs(
        [0.] * len(model.decode_head.blocks))
    return model


def main() -> None:
    args = parse_args()
    init_default_scope('mmseg')
    torch.manual_seed(0)
    model = build_model(args)
    names = fitting_scorers(True, model.decode_head.evidence_names)
    scorers = {ONE: build_scorers(args.scorer, True),
               ALL: build_scorers(names, True)}
    inputs = torch.randn(1, 3, args.size, args.size)

    @torch.inference_mode()
    def test(name: str) -> None:
        model.scorers = scorers[name]
        model.predict(inputs)

    print(f'{args.arch}, one image of {args.size}x{args.size}, '
          f'{torch.get_num_threads()} threads; {", ".join(names)}')
    seconds = take_turns(
        {name: lambda name=name: test(name) for name in scorers}, args.runs)
    for name in scorers:
        print(f'{name:12} {compare(seconds, name, ONE)} of {ONE}')
    print_each(model, inputs, names, args.runs)


@torch.inference_mode()
def print_each(model: nn.Module, inputs: torch.Tensor, names: list[str],
               runs: int) -> None:
    """Time the rules alone."""
    evidence = model.stitch_evidence(inputs, [{}])
    rules = build_scorers(names, True)
    seconds = take_turns(
        {name: lambda rule=rule: rule(evidence)
         for name, rule in rules.items()}, runs)
    for name in names:
        median = statistics.median(seconds[name].cpu)
        print(f'  {name:12} cpu {1000 * median:6.1f} ms')


if __name__ == '__main__':
    main()
