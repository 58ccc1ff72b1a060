"""Convert an EoMT of this project to the names of the original code.

    tools/model_converters/mmseg2eomt.py iter_19902.pth original.bin

The original code loads a .bin as its ``model.ckpt_path``.
"""
import argparse
from collections.abc import Sequence

from mmseg_anomaly.engine.run_tool import ToolParser, run_tool
from mmseg_anomaly.model_conversion import (
    check_complete,
    from_ours,
    read_checkpoint,
    to_original,
    write_checkpoint,
)
from mmseg_anomaly.model_conversion.command_line import (
    adapt,
    add_arguments,
    files_read,
    summarise,
)
from mmseg_anomaly.safe_writing import check_outputs


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = ToolParser(
        description='Convert an EoMT of this project to the names of the '
        'original code')
    parser.add_argument(
        'src', help='checkpoint of this project (.pth, .safetensors)')
    parser.add_argument(
        'dst', help='checkpoint to write (.bin, which the original code '
        'reads, or .safetensors)')
    add_arguments(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    check_outputs([args.dst], files_read(args))
    tensors, about = read_checkpoint(args.src)
    weights = check_complete(
        from_ours(tensors, about.get('extras'), args.src), args.src,
        args.ignore)
    weights, names = adapt(weights, args, about)
    write_checkpoint(args.dst, to_original(weights), plain=True, **names)
    summarise(weights, args.dst)


if __name__ == '__main__':
    run_tool(main)
