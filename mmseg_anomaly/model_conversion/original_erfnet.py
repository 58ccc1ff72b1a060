"""The layout of the original ERFNet, as ``erfnet_pretrained.pth`` has it.

``encoder`` is a first downsampler, ``initial_block``, and 15 ``layers``;
``decoder`` has 6 ``layers`` and ``output_conv``. MMSeg's ``ERFNet`` has the
same blocks in two flat lists and leaves ``output_conv`` to a head.

Source: https://github.com/Eromera/erfnet_pytorch, names only.
"""
from collections.abc import Mapping

from torch import Tensor

from .eomt_layouts import without_wrappers

NUM_CLASSES = 19
"""Classes of Cityscapes."""
OUTPUT = 'decoder.output_conv.'
ENCODER_OUTPUT = 'encoder.output_conv.'
"""Classifies at stride 8 while the encoder is trained alone."""

_LAYER = ('weight', 'bias')
_NORM = (*_LAYER, 'running_mean', 'running_var', 'num_batches_tracked')
# layer -> its parameters, by the original's names and by MMSeg's
_RESIZING = {'conv': ('conv', _LAYER), 'bn': ('bn', _NORM)}
_RESIDUAL = {
    'conv3x1_1': ('convs_layers.0', _LAYER),
    'conv1x3_1': ('convs_layers.2', _LAYER),
    'bn1': ('convs_layers.3', _NORM),
    'conv3x1_2': ('convs_layers.5', _LAYER),
    'conv1x3_2': ('convs_layers.7', _LAYER),
    'bn2': ('convs_layers.8', _NORM),
}
_ENCODER = [_RESIZING] * 2 + [_RESIDUAL] * 5 + [_RESIZING] + [_RESIDUAL] * 8
_DECODER = ([_RESIZING] + [_RESIDUAL] * 2) * 2


def _names() -> dict[str, str]:
    """Return our name of each of the original's."""
    blocks = {
        'encoder.initial_block': ('backbone.encoder.0', _ENCODER[0]),
        **{f'encoder.layers.{i}': (f'backbone.encoder.{i + 1}', block)
           for i, block in enumerate(_ENCODER[1:])},
        **{f'decoder.layers.{i}': (f'backbone.decoder.{i}', block)
           for i, block in enumerate(_DECODER)},
    }
    names = {f'{theirs}.{layer}.{kind}': f'{ours}.{renamed}.{kind}'
             for theirs, (ours, block) in blocks.items()
             for layer, (renamed, kinds) in block.items() for kind in kinds}
    output = {f'{OUTPUT}{kind}': f'decode_head.output_conv.{kind}'
              for kind in _LAYER}
    return {**names, **output}


def from_original_erfnet(state_dict: Mapping[str, Tensor],
                         source: str = 'the checkpoint') -> dict[str, Tensor]:
    """Rename the parameters of an original ERFNet.

    Args:
        state_dict: Its tensors, with or without the prefix ``module.``; the
            head of the encoder, ``encoder.output_conv``, is left out.
        source: What to call them in an error.

    Returns:
        The state dict of a segmentor of ``ERFNet`` and ``ERFNetDeconvHead``.

    Raises:
        ValueError: If names are missing or left over, or there are neither
            19 outputs nor 20.
    """
    weights = {name: value
               for name, value in without_wrappers(state_dict).items()
               if not name.startswith(ENCODER_OUTPUT)}
    names = _names()
    missing = sorted(names.keys() - weights.keys())
    left_over = sorted(weights.keys() - names.keys())
    if missing or left_over:
        raise ValueError(
            f'{source} is no ERFNet of the original code; missing: '
            f'{", ".join(missing) or "none"}; left over: '
            f'{", ".join(left_over) or "none"}; get erfnet_pretrained.pth or '
            'a checkpoint of the same network')
    outputs = len(weights[f'{OUTPUT}bias'])
    if outputs not in (NUM_CLASSES, NUM_CLASSES + 1):
        raise ValueError(
            f'{source} has {outputs} outputs ({OUTPUT}bias), expected the '
            f'{NUM_CLASSES} classes of Cityscapes, or {NUM_CLASSES + 1} with '
            'void; get one that was trained on Cityscapes')
    return {ours: weights[theirs] for theirs, ours in names.items()}
