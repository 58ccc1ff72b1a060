"""Convert Hugging Face's EomtForUniversalSegmentation to this project's names.

    tools/model_converters/hf2mmseg.py folder eomt.safetensors

The folder is what ``save_pretrained`` or a download leaves: one
``model.safetensors`` or several with an index.
"""
import argparse
from collections.abc import Sequence

from mmseg_anomaly.engine.run_tool import ToolParser, run_tool
from mmseg_anomaly.model_conversion import (
    check_complete,
    from_hugging_face,
    read_checkpoint,
    to_ours,
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
        description='Convert an EomtForUniversalSegmentation of Hugging Face '
        'to the names of this project')
    parser.add_argument('src', help='folder, or a single .safetensors file')
    parser.add_argument(
        'dst', help='checkpoint to write (.safetensors or .pth)')
    add_arguments(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    check_outputs([args.dst], files_read(args))
    tensors, about = read_checkpoint(args.src)
    weights = check_complete(
        from_hugging_face(tensors, about.get('extras'), args.src), args.src,
        args.ignore, about.get('config', {}).get('num_hidden_layers'))
    weights, names = adapt(weights, args, about)
    write_checkpoint(args.dst, to_ours(weights), extras=weights.extras,
                     **names)
    summarise(weights, args.dst)


if __name__ == '__main__':
    run_tool(main)
