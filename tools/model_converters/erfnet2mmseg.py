"""Convert an ERFNet of the original code to MMSeg's names.

    tools/model_converters/erfnet2mmseg.py erfnet_pretrained.pth erfnet.pth

The result is for configs/erfnet/erfnet_deconv_cityscapes-512x1024_void.py;
one of 19 outputs needs `model.decode_head.void_output=False` there.
"""
import argparse
from collections.abc import Sequence

from mmengine.logging import print_log

from mmseg_anomaly.class_names import meta_of_dataset
from mmseg_anomaly.engine.run_tool import ToolParser, run_tool
from mmseg_anomaly.model_conversion import (
    from_original_erfnet,
    read_checkpoint,
    write_checkpoint,
)
from mmseg_anomaly.model_conversion.command_line import files_read
from mmseg_anomaly.model_conversion.original_erfnet import NUM_CLASSES
from mmseg_anomaly.safe_writing import check_outputs


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = ToolParser(
        description=__doc__.splitlines()[0],
        epilog='\n'.join(__doc__.splitlines()[1:]),
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('src', help='original checkpoint (.pth)')
    parser.add_argument(
        'dst', help='checkpoint to write (.safetensors or .pth)')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    check_outputs([args.dst], files_read(args))
    tensors, _ = read_checkpoint(args.src)
    weights = from_original_erfnet(tensors, args.src)
    write_checkpoint(args.dst, weights, **meta_of_dataset('CityscapesDataset'))
    outputs = len(weights['decode_head.output_conv.bias'])
    kind = ('the last one void' if outputs > NUM_CLASSES else
            'none for void: set model.decode_head.void_output=False')
    print_log(f'wrote {len(weights)} of {len(tensors)} tensors to {args.dst}, '
              f'{outputs} outputs, {kind}', logger='current')


if __name__ == '__main__':
    run_tool(main)
