"""Padding is labelled as the heads expect it: void."""
from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

from ...labels import IGNORE_INDEX
from .class_counts import heads_of
from .look import Look, transforms_of


@runtime_checkable
class _PadsLabels(Protocol):  # SegDataPreProcessor, RandomRotate

    seg_pad_val: int


@runtime_checkable
class _Ignores(Protocol):  # MMSeg's heads

    ignore_index: int


def padding_with_classes(look: Look) -> str | None:
    """Look for labels of padding that a head would learn as a class."""
    if look.phase != 'train':
        return None
    for key, padding in _paddings(look):
        for name, head in heads_of(look.model):
            ignored = (head.ignore_index if isinstance(head, _Ignores)
                       else IGNORE_INDEX)
            if padding != ignored:
                return (f'`{key}` is {padding}, and `model.{name}` ignores '
                        f'{ignored}: padding would be learned as a class; '
                        'make them equal')
    return None


def _paddings(look: Look) -> Iterator[tuple[str, Any]]:
    parts = dict(look.model.named_children())
    preprocessor = parts.get('data_preprocessor')
    if isinstance(preprocessor, _PadsLabels):
        yield 'model.data_preprocessor.seg_pad_val', preprocessor.seg_pad_val
    for key, dataset in look.datasets():
        for place, transform in transforms_of(key, dataset):
            if isinstance(transform, _PadsLabels):
                yield f'{place}.seg_pad_val', transform.seg_pad_val
