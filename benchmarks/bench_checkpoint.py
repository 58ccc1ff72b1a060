"""Time building a ViT-L EoMT and reading its checkpoint, and the memory.

The base is `torch.load` and `load_state_dict` of the same file, into a model
that exists already. Ours builds the model too, reads safely, as MMEngine's
runner does here, and compares names and shapes. `backbone` builds the model
and reads a backbone's file, once for each half. Weights are random and
written to a temporary folder (1.3 GB each). Medians of runs that take turns,
as wall time and as CPU time of all threads, ratios to the base; peak memory
as a ratio to weights plus model.

    python benchmarks/bench_checkpoint.py [--model s|b|l] [--runs 3]
"""
import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from measure import compare, peak_memory, take_turns
from mmengine.logging import MMLogger
from safetensors.torch import save_file
from torch import nn

from mmseg_anomaly.engine.checkpoint import (
    load_from_file,
    load_state_dict_strictly,
)
from mmseg_anomaly.models.backbones import EoMTViT
from mmseg_anomaly.models.decode_heads import EoMTDecodeHead
from mmseg_anomaly.models.eomt.vit import build_vit

MODELS = {
    's': dict(arch='vit_small_patch14_reg4_dinov2', img_size=(640, 640)),
    'b': dict(arch='vit_base_patch14_reg4_dinov2', img_size=(640, 640)),
    'l': dict(arch='vit_large_patch14_reg4_dinov2', img_size=(1024, 1024),
              num_joint_blocks=4),
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--model', choices=MODELS, default='l')
    parser.add_argument('--runs', type=int, default=3)
    return parser.parse_args()


def build(vit: dict) -> nn.ModuleDict:
    return nn.ModuleDict(dict(
        backbone=EoMTViT(**vit), decode_head=EoMTDecodeHead(**vit)))


def write_backbone(arch: str, path: Path) -> None:
    """A random DINOv2 file: 37 x 37 patches of 14, as they come."""
    vit = build_vit(arch, (518, 518), 14)
    torch.save({name: torch.rand_like(value, device='cpu')
                for name, value in vit.state_dict().items()}, path)


def make_cases(vit: dict, folder: Path) -> dict[str, Callable[[], None]]:
    configured = dict(vit, pretrained=str(folder / 'vit.pth'))
    write_backbone(vit['arch'], folder / 'vit.pth')
    model = build(configured)
    for value in model.state_dict().values():
        value.uniform_()
    torch.save(model.state_dict(), folder / 'model.pth')
    save_file(model.state_dict(), folder / 'model.safetensors')

    def base() -> None:
        model.load_state_dict(torch.load(folder / 'model.pth'))

    def ours(name: str) -> None:
        built = build(configured)
        load_state_dict_strictly(built, load_from_file(str(folder / name)))

    def backbone() -> None:
        built = build(configured)
        built['backbone'].init_weights()
        built['decode_head'].init_weights()

    return {
        'torch.load + load_state_dict': base,
        'build + read .pth': lambda: ours('model.pth'),
        'build + read .safetensors': lambda: ours('model.safetensors'),
        'build + read backbone': backbone
    }


def main() -> None:
    args = parse_args()
    MMLogger.get_instance('bench_checkpoint', log_level='WARNING')
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cases = make_cases(MODELS[args.model], folder)
        weights = (folder / 'model.pth').stat().st_size
        print(f'weights {weights / 1e9:.2f} GB, {args.runs} runs, '
              f'{torch.get_num_threads()} threads')
        seconds = take_turns(cases, args.runs)
        base, *others = cases
        for case in cases:
            print(f'{case:30s} {compare(seconds, case, base)}')
        for case in others:
            ratio = peak_memory(cases[case]) / (2 * weights)
            print(f'{case:30s} peak memory {ratio:.2f} of weights + model')


if __name__ == '__main__':
    main()
