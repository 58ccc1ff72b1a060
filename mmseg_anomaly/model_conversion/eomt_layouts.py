"""Detect the layout of an EoMT checkpoint by its names."""
import re
from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor


class Layout(NamedTuple):
    """One way to name the parameters of an EoMT."""

    title: str
    key: str
    """A name that every such checkpoint has, and no other."""
    tools: str


ORIGINAL = Layout('checkpoint of the original EoMT code',
                  'network.attn_mask_probs', 'eomt2mmseg.py')
HUGGING_FACE = Layout('EomtForUniversalSegmentation',
                      'class_predictor.weight', 'hf2mmseg.py')
OURS = Layout('EoMT of this project', 'decode_head.attn_mask_probs',
              'mmseg2eomt.py and mmseg2hf.py')
PIXEL_HEAD = 'decode_head.semantic_head.attn_mask_probs'


def without_wrappers(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Undo what ``torch.compile`` and data parallel training add to names."""
    return {re.sub(r'^module\.|_orig_mod\.', '', name): value
            for name, value in state_dict.items()}


def unwrap(state_dict: Mapping[str, Tensor], layout: Layout,
           source: str) -> dict[str, Tensor]:
    """Check how a checkpoint names things, without wrappers.

    Args:
        state_dict: Its tensors.
        layout: The one that is expected.
        source: What to call the checkpoint in an error.

    Returns:
        The tensors, by names without what ``torch.compile`` and data
        parallel training add.

    Raises:
        ValueError: If it is of another layout; says of which, if that can
            be told.
    """
    unwrapped = without_wrappers(state_dict)
    if layout.key in unwrapped:
        return unwrapped
    found = next((f'it is of another kind ({other.title}), for {other.tools}'
                  for other in (OURS, HUGGING_FACE, ORIGINAL)
                  if other.key in unwrapped), f'it has no `{layout.key}`')
    if PIXEL_HEAD in unwrapped:
        found = 'it has a pixel head; convert the EoMT it was trained on'
    raise ValueError(f'{source} is no {layout.title}: {found}')
