"""Convert an EoMT of this project to Hugging Face's.

    tools/model_converters/mmseg2hf.py iter_19902.pth folder

``EomtForUniversalSegmentation.from_pretrained('folder')`` reads the result.
That class takes square images only, and DINOv2 only.
"""
import argparse
from collections.abc import Sequence
from pathlib import Path

from mmengine.logging import print_log

from mmseg_anomaly.checks import integer_option
from mmseg_anomaly.engine.run_tool import ToolParser, run_tool
from mmseg_anomaly.model_conversion import (
    check_complete,
    from_ours,
    read_checkpoint,
    to_hugging_face,
)
from mmseg_anomaly.model_conversion.checkpoint_files import WEIGHTS
from mmseg_anomaly.model_conversion.command_line import (
    adapt,
    add_arguments,
    files_read,
    summarise,
)
from mmseg_anomaly.model_conversion.eomt_weights import EMPTY_WEIGHT
from mmseg_anomaly.model_conversion.hugging_face import (
    NO_OBJECT_WEIGHT,
    make_config,
    write_folder,
)
from mmseg_anomaly.safe_writing import check_outputs


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = ToolParser(
        description='Convert an EoMT of this project to an '
        'EomtForUniversalSegmentation of Hugging Face')
    parser.add_argument(
        'src', help='checkpoint of this project (.pth, .safetensors)')
    parser.add_argument('dst', help='folder to write')
    parser.add_argument(
        '--num-heads', type=integer_option(low=1),
        help='heads of attention (default: of 64 channels each, as in '
        'every DINOv2)')
    add_arguments(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    check_outputs(
        (Path(args.dst, name) for name in (WEIGHTS, 'config.json')),
        files_read(args))
    tensors, about = read_checkpoint(args.src)
    weights = check_complete(
        from_ours(tensors, about.get('extras'), args.src), args.src,
        args.ignore)
    weights, names = adapt(weights, args, about)
    state_dict, extras = to_hugging_face(weights)
    if EMPTY_WEIGHT not in weights.extras:
        print_log(f'made {EMPTY_WEIGHT}, the weights of the classes in the '
                  f'loss, again: 1 each and {NO_OBJECT_WEIGHT} for no-object',
                  logger='current')
    config = make_config(weights, args.num_heads, names.get('classes'))
    write_folder(args.dst, state_dict, extras, config, names)
    summarise(weights, args.dst)


if __name__ == '__main__':
    run_tool(main)
