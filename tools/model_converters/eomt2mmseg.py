r"""Convert a checkpoint of the original EoMT code to this project's names.

    tools/model_converters/eomt2mmseg.py original.bin eomt.safetensors
    tools/model_converters/eomt2mmseg.py epoch.ckpt eomt.safetensors
    tools/model_converters/eomt2mmseg.py delta.bin eomt.safetensors \
        --backbone dinov3/model.safetensors

Reads plain state dicts and Lightning's checkpoints, compiled or not.
"""
import argparse
from collections.abc import Sequence

from torch import Tensor

from mmseg_anomaly.engine.run_tool import ToolParser, run_tool
from mmseg_anomaly.model_conversion import (
    add_backbone,
    check_complete,
    from_original,
    holds_differences,
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
from mmseg_anomaly.models.eomt.vit_layouts import to_timm_names
from mmseg_anomaly.safe_writing import check_outputs


def convert(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename a whole original EoMT.

    Args:
        weights: Entries named ``network.*`` (and ``criterion.*``).

    Returns:
        The state dict of a segmentor of ``EoMTViT`` and ``EoMTDecodeHead``.

    Raises:
        ValueError: If the entries are no original EoMT, or some are missing
            or left over.
    """
    return to_ours(check_complete(from_original(weights), 'the checkpoint'))


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = ToolParser(
        description=__doc__.splitlines()[0],
        epilog='\n'.join(__doc__.splitlines()[1:]),
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('src', help='original checkpoint (.bin, .ckpt)')
    parser.add_argument(
        'dst', help='checkpoint to write (.safetensors or .pth)')
    parser.add_argument(
        '--backbone', help='file of the ViT that SRC holds differences from')
    add_arguments(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    check_outputs([args.dst], files_read(args))
    tensors, about = read_checkpoint(args.src)
    weights = check_complete(from_original(tensors, args.src), args.src,
                             args.ignore)
    if args.backbone:
        backbone, _ = read_checkpoint(args.backbone)
        weights = add_backbone(weights, to_timm_names(backbone),
                               args.source_img_size)
    elif holds_differences(weights):
        raise ValueError(f'{args.src} holds differences from a backbone (its '
                         'constants are 0): give the file of that backbone '
                         'in --backbone')
    weights, names = adapt(weights, args, about)
    write_checkpoint(args.dst, to_ours(weights), extras=weights.extras,
                     **names)
    summarise(weights, args.dst)


if __name__ == '__main__':
    run_tool(main)
