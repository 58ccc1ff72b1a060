"""Heads, loaders of labels, datasets and metrics count the same classes."""
import re
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol, runtime_checkable

from mmengine.evaluator import Evaluator
from torch import nn

from .look import Look, transforms_of

_HEAD = re.compile(r'(decode|auxiliary)_head(\.\d+)?(\.semantic_head)?')


class Statement(NamedTuple):
    """A number of classes, and the config key that states it."""

    key: str
    count: int


@runtime_checkable
class StatesClasses(Protocol):
    """A head, transform or metric made for a number of classes."""

    num_classes: int


@runtime_checkable
class NamesClasses(Protocol):
    """A segmentor that knows the names of its classes, by their ids."""

    dataset_meta: dict


@runtime_checkable
class _Described(Protocol):

    metainfo: dict


@runtime_checkable
class _Judged(Protocol):

    evaluator: Evaluator


def differing_class_counts(look: Look) -> str | None:
    """Compare the numbers of classes.

    A dataset whose metainfo lists no class, as that of a benchmark of
    anomalies, fits every model, and so do its loaders and metrics.
    """
    statements = [*_of_heads(look.model), *_of_data(look)]
    if len({count for _, count in statements}) <= 1:
        return None
    listed = ', '.join(f'`{key}` {count}' for key, count in statements)
    return f'the numbers of classes must be equal, got {listed}'


def differing_class_order(look: Look) -> str | None:
    """Compare the order of the classes with that of the model.

    Other names may be other words for the same classes. The same names in
    another order are not: every id would mean something else.
    """
    if not isinstance(look.model, NamesClasses):
        return None
    learned = tuple(look.model.dataset_meta['classes'])
    for key, dataset in look.datasets():
        classes = _classes_of(dataset) or ()
        if classes != learned and sorted(classes) == sorted(learned):
            index = next(number for number, pair in enumerate(
                zip(classes, learned, strict=True)) if len(set(pair)) == 2)
            return (f'`{key}.metainfo.classes` are those of the model in '
                    f'another order: class {index} is {classes[index]!r} and '
                    f'{learned[index]!r}; give all datasets one `metainfo`')
    return None


def heads_of(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the heads of a segmentor that state a number of classes."""
    for name, module in model.named_modules():
        if _HEAD.fullmatch(name) and isinstance(module, StatesClasses):
            yield name, module


def _of_heads(model: nn.Module) -> Iterator[Statement]:
    for name, head in heads_of(model):
        yield Statement(f'model.{name}.num_classes', head.num_classes)


def _of_data(look: Look) -> Iterator[Statement]:
    without_classes = False
    for key, dataset in look.datasets():
        classes = _classes_of(dataset)
        without_classes |= classes is not None and not classes
        if classes:
            yield Statement(f'{key}.metainfo.classes', len(classes))
        if classes != ():
            yield from (
                Statement(f'{place}.num_classes', transform.num_classes)
                for place, transform in transforms_of(key, dataset)
                if isinstance(transform, StatesClasses))
    if isinstance(look.loop, _Judged) and not without_classes:
        for number, metric in enumerate(look.loop.evaluator.metrics):
            if isinstance(metric, StatesClasses):
                yield Statement(
                    f'{look.phase}_evaluator.{number}.num_classes',
                    metric.num_classes)


def _classes_of(dataset: Any) -> tuple | None:
    """Return the names of the classes, None if nothing is said of them."""
    if not isinstance(dataset, _Described):
        return None
    classes = dataset.metainfo.get('classes')
    return None if classes is None else tuple(classes)
