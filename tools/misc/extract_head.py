"""Write the trained pixel head of a checkpoint alone, under 2 MB.

    tools/misc/extract_head.py work_dirs/.../iter_930.pth head.pth

The file names the model it belongs to and carries its hash. Load it with
that model: --cfg-options custom_hooks.0.head=head.pth (AttachHeadHook).
"""
import argparse
import re
from collections.abc import Sequence
from pathlib import Path

import torch

from mmseg_anomaly.engine import load_from_local
from mmseg_anomaly.engine.head_checkpoint import extract_head


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Write the trained pixel head of a checkpoint alone')
    parser.add_argument('checkpoint', help='of a model with a pixel head')
    parser.add_argument('out', type=Path, help='file to write (.pth)')
    parser.add_argument(
        '--base-name', help='what to call the frozen model (default: the '
        'file that the training loaded)')
    return parser.parse_args(argv)


def loaded_file(meta: dict) -> str:
    """Name of the file in `load_from` of the config in a checkpoint."""
    found = re.search(r'^load_from = [\'"](.+)[\'"]$', meta.get('cfg', ''),
                      re.MULTILINE)
    return Path(found[1]).name if found else 'a model of unknown name'


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    checkpoint = load_from_local(args.checkpoint, map_location='cpu')
    name = args.base_name or loaded_file(checkpoint.get('meta', {}))
    head = extract_head(checkpoint.get('state_dict', checkpoint), name)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    torch.save(head, args.out)
    print(f'Wrote the head of `{name}` '
          f'({head["meta"]["base_sha256"][:12]}) to {args.out}, '
          f'{args.out.stat().st_size / 1e6:.2f} MB')


if __name__ == '__main__':
    main()
