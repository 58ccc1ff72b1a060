"""Convert a checkpoint of the original EoMT code to this project's names."""
import argparse
import re
from pathlib import Path

import torch
from mmengine.logging import print_log

from mmseg_anomaly.models.vit_weights import read_weights

DROPPED = ('encoder.pixel_mean', 'encoder.pixel_std',
           'criterion.empty_weight')

RENAMES = (
    (r'^encoder\.backbone\.norm\.', 'decode_head.norm.'),
    (r'^encoder\.backbone\.', 'backbone.'),
    (r'^q\.weight$', 'decode_head.queries.weight'),
    (r'^upscale\.(\d+)\.conv1\.', r'decode_head.upscale.\1.0.'),
    (r'^upscale\.(\d+)\.conv2\.', r'decode_head.upscale.\1.2.'),
    (r'^upscale\.(\d+)\.norm\.', r'decode_head.upscale.\1.3.'),
    (r'^(class_head|mask_head|attn_mask_probs)', r'decode_head.\1'),
)


def convert(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Rename the entries of an original EoMT state dict.

    The last blocks of the encoder, as many as the buffer of mask
    probabilities has entries, go to the decode head. Normalisation constants
    belong to the data preprocessor and class weights to the loss; they are
    left out.

    Args:
        weights: Entries named ``network.*`` (and ``criterion.*``).

    Returns:
        The state dict of a segmentor of ``EoMTViT`` and ``EoMTDecodeHead``.

    Raises:
        KeyError: If the entries are no original EoMT.
    """
    weights = {k.removeprefix('network.'): v for k, v in weights.items()}
    if 'attn_mask_probs' not in weights:
        raise KeyError('the checkpoint has no `network.attn_mask_probs`, '
                       'which says how many blocks the queries join; it is '
                       'no checkpoint of the original EoMT code')
    num_joint_blocks = len(weights['attn_mask_probs'])
    depth = 1 + max(
        int(match[1]) for match in (re.match(
            r'encoder\.backbone\.blocks\.(\d+)\.', key) for key in weights)
        if match)
    first = depth - num_joint_blocks
    converted = {}
    for key, value in weights.items():
        if key in DROPPED:
            continue
        for pattern, replacement in RENAMES:
            key = re.sub(pattern, replacement, key)
        block = re.match(r'backbone\.blocks\.(\d+)\.(.*)', key)
        if block and int(block[1]) >= first:
            key = f'decode_head.blocks.{int(block[1]) - first}.{block[2]}'
        converted[key] = value.float()
    return converted


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('src', help='original checkpoint (.bin)')
    parser.add_argument('dst', help='checkpoint to write (.pth)')
    return parser.parse_args()


def main() -> None:
    """Convert one file."""
    args = parse_args()
    weights = convert(read_weights(args.src))
    Path(args.dst).parent.mkdir(parents=True, exist_ok=True)
    torch.save(dict(state_dict=weights), args.dst)
    print_log(f'Wrote {len(weights)} tensors to {args.dst}')


if __name__ == '__main__':
    main()
