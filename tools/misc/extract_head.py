"""Write the trained pixel head of a checkpoint alone, under 2 MB.

    tools/misc/extract_head.py work_dirs/.../iter_930.pth head.safetensors

The metadata of the file name the model it belongs to and carry its hash. Load
it with that model: --cfg-options custom_hooks.0.head=head.safetensors
(AttachHeadHook).
"""
import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from mmseg_anomaly.engine import load_from_local
from mmseg_anomaly.engine.head_checkpoint import (
    check_head_name,
    extract_head,
    write_head,
)
from mmseg_anomaly.engine.run_tool import ToolParser, run_tool
from mmseg_anomaly.safe_loading import tensors_of
from mmseg_anomaly.safe_writing import check_outputs


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = ToolParser(
        description='Write the trained pixel head of a checkpoint alone')
    parser.add_argument('checkpoint', help='of a model with a pixel head')
    parser.add_argument('out', type=Path, help='file to write (.safetensors)')
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
    args.out = check_head_name(args.out)
    check_outputs([args.out], [args.checkpoint])
    checkpoint = load_from_local(args.checkpoint, map_location='cpu')
    tensors = tensors_of(checkpoint, f'`{args.checkpoint}`')
    name = args.base_name or loaded_file(checkpoint.get('meta', {}))
    head = extract_head(tensors, name)
    write_head(args.out, head)
    print(f'Wrote the head of `{name}` '
          f'({head["meta"]["base_sha256"][:12]}) to {args.out}, '
          f'{args.out.stat().st_size / 1e6:.2f} MB')


if __name__ == '__main__':
    run_tool(main)
