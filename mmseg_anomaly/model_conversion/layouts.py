"""Which layout of an EoMT the names of a checkpoint are of."""
import re
from collections.abc import Iterable
from typing import NamedTuple


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


def strip_wrappers(name: str) -> str:
    """Leave out what ``torch.compile`` and data parallel training add."""
    return re.sub(r'^module\.|_orig_mod\.', '', name)


def check_layout(names: Iterable[str], layout: Layout, source: str) -> None:
    """Check that a checkpoint is named as expected.

    Args:
        names: Of its tensors.
        layout: The one that is expected.
        source: What to call the checkpoint in an error.

    Raises:
        ValueError: If it is not; says what it is, if that can be told.
    """
    names = {strip_wrappers(name) for name in names}
    if layout.key in names:
        return
    found = next((f'it is of another kind ({other.title}), for {other.tools}'
                  for other in (OURS, HUGGING_FACE, ORIGINAL)
                  if other.key in names), f'it has no `{layout.key}`')
    if PIXEL_HEAD in names:
        found = 'it has a pixel head; convert the EoMT it was trained on'
    raise ValueError(f'{source} is no {layout.title}: {found}')
