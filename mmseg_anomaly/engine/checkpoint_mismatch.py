"""Name in words why a checkpoint does not fit a model.

Names and shapes are read, of ``EoMTViT`` and ``EoMTDecodeHead`` and of
MMSeg's own heads.
"""
import re
from collections.abc import Mapping

from torch import Tensor

StateDict = Mapping[str, Tensor]

PATCH = 'backbone.patch_embed.proj.weight'
CONVERT = '; the tools in tools/model_converters change it by '
# from the most fundamental
REMEDIES = {'architecture': '', 'patch size': f'{CONVERT}--patch-size',
            'classes': f'{CONVERT}--classes',
            'positions': f'{CONVERT}--img-size'}


def mismatch_cause(file: StateDict, model: StateDict) -> str:
    """The first cause that explains the difference, '' if none does.

    Args:
        file: Values of the checkpoint by name.
        model: Values of the model by name.

    Returns:
        What the two are, the most fundamental difference first, and the way
        out, as the rest of a sentence.
    """
    found, expected = _describe(file), _describe(model)
    for fact, remedy in REMEDIES.items():
        ours, theirs = expected.get(fact), found.get(fact)
        if ours and theirs and ours != theirs:
            return f': it is of {theirs}, the model of {ours}{remedy}'
    return ''


def _describe(state_dict: StateDict) -> dict[str, str]:
    """What is known of a model; one with a pixel head is what it judges."""
    values = {
        name.replace('decode_head.semantic_head.', 'decode_head.'): value
        for name, value in state_dict.items() if value.ndim}
    facts = {'architecture': _architecture(values)}
    if PATCH in values:
        facts['patch size'] = f'patch size {values[PATCH].shape[-1]}'
    for name, extra in (('class_head', 1), ('conv_seg', 0)):
        bias = values.get(f'decode_head.{name}.bias')
        if bias is not None:  # `extra` is the row of no-object
            facts['classes'] = f'{len(bias) - extra} classes'
    if 'backbone.pos_embed' in values:
        number = values['backbone.pos_embed'].shape[1]
        facts['positions'] = f'{number} positions'
    return facts


def _architecture(values: StateDict) -> str:
    """Width and number of blocks of a ViT, or the parts of another one."""
    if PATCH not in values:
        parts = sorted({name.split('.')[1] for name in values
                        if name.startswith('backbone.')})
        return f'a backbone of {", ".join(parts[:4])}' if parts else ''
    registers = values.get('backbone.reg_token')
    return (f'a ViT of width {values[PATCH].shape[0]} with '
            f'{_count(values, "backbone")} + {_count(values, "decode_head")} '
            f'blocks, {0 if registers is None else registers.shape[1]} '
            'registers and '
            f'{"added" if "backbone.pos_embed" in values else "rotary"} '
            'positions')


def _count(values: StateDict, half: str) -> int:
    found = (re.match(rf'{half}\.blocks\.(\d+)\.', name) for name in values)
    return 1 + max((int(match[1]) for match in found if match), default=-1)
