"""Say in words why a checkpoint does not fit a model.

Names and shapes are read, of ``EoMTViT`` and ``EoMTDecodeHead`` and of
MMSeg's own heads.
"""
import re
from collections.abc import Callable, Mapping

from torch import Tensor

StateDict = Mapping[str, Tensor]

CLASSES = ('decode_head.class_head.bias', 'decode_head.conv_seg.bias')
PATCH = 'backbone.patch_embed.proj.weight'
CONVERT = 'the tools in tools/model_converters change it by'


def name_cause(file: StateDict, model: StateDict) -> str:
    """The first cause that explains the difference, '' if none does.

    Args:
        file: Values of the checkpoint by name.
        model: Values of the model by name.

    Returns:
        What the two are, the most fundamental difference first, and the way
        out, as the rest of a sentence.
    """
    file, model = _plain(file), _plain(model)
    for describe, remedy in (
        (_architecture, ''), (_patch_size, f'; {CONVERT} --patch-size'),
        (_classes, f'; {CONVERT} --classes'),
        (_positions, f'; {CONVERT} --img-size')):
        found, expected = describe(file), describe(model)
        if found and expected and found != expected:
            return f': it is of {found}, the model of {expected}{remedy}'
    return ''


def _plain(state_dict: StateDict) -> dict[str, Tensor]:
    """A model with a pixel head has the names of the one it judges."""
    return {name.replace('decode_head.semantic_head.', 'decode_head.'): value
            for name, value in state_dict.items()}


def _architecture(state_dict: StateDict) -> str:
    """Width and number of blocks of a ViT, or names that say it is none."""
    if PATCH not in state_dict:
        names = [name for name in state_dict if name.startswith('backbone.')]
        parts = sorted({name.split('.')[1] for name in names})
        return f'a backbone of {", ".join(parts[:4])}' if parts else ''
    registers = state_dict.get('backbone.reg_token')
    return (f'a ViT of width {state_dict[PATCH].shape[0]} with '
            f'{_count(state_dict, "backbone")} + '
            f'{_count(state_dict, "decode_head")} blocks, '
            f'{0 if registers is None else registers.shape[1]} registers and '
            f'{"added" if "backbone.pos_embed" in state_dict else "rotary"} '
            'positions')


def _count(state_dict: StateDict, half: str) -> int:
    found = (re.match(rf'{half}\.blocks\.(\d+)\.', n) for n in state_dict)
    return 1 + max((int(match[1]) for match in found if match), default=-1)


def _patch_size(state_dict: StateDict) -> str:
    return _when(state_dict, PATCH, lambda v: f'patch size {v.shape[-1]}')


def _classes(state_dict: StateDict) -> str:
    # the last row of a mask classifier is for no-object
    return _when(state_dict, CLASSES[0],
                 lambda v: f'{len(v) - 1} classes') or _when(
        state_dict, CLASSES[1], lambda v: f'{len(v)} classes')


def _positions(state_dict: StateDict) -> str:
    return _when(state_dict, 'backbone.pos_embed',
                 lambda v: f'{v.shape[1]} positions')


def _when(state_dict: StateDict, name: str,
          describe: Callable[[Tensor], str]) -> str:
    value = state_dict.get(name)
    return '' if value is None or not value.ndim else describe(value)
