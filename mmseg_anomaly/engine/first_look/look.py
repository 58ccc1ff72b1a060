"""What a check looks at: the parts of a run, by the names of the config."""
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from mmengine.runner.base_loop import BaseLoop
from torch import nn


class Look(NamedTuple):
    """A loop that is about to start."""

    phase: str  # 'train', 'val' or 'test'
    loop: BaseLoop
    model: nn.Module  # without wrappers

    def datasets(self) -> Iterator[tuple[str, Any]]:
        """Yield every dataset, wrappers included, by its config key."""
        return _walk_datasets(f'{self.phase}_dataloader.dataset',
                              self.loop.dataloader.dataset)


@runtime_checkable
class _WrapsDataset(Protocol):  # RepeatDataset, Subset

    dataset: Any


@runtime_checkable
class _WrapsDatasets(Protocol):  # ConcatDataset

    datasets: Sequence[Any]


@runtime_checkable
class _HasPipeline(Protocol):

    pipeline: Any


@runtime_checkable
class _HoldsTransforms(Protocol):  # Compose, RandomApply

    transforms: Any


@runtime_checkable
class _HoldsSubroutines(Protocol):  # TestTimeAug

    subroutines: Sequence[Any]


def _walk_datasets(key: str, dataset: Any) -> Iterator[tuple[str, Any]]:
    yield key, dataset
    if isinstance(dataset, _WrapsDatasets):
        for number, each in enumerate(dataset.datasets):
            yield from _walk_datasets(f'{key}.datasets.{number}', each)
    elif isinstance(dataset, _WrapsDataset):
        yield from _walk_datasets(f'{key}.dataset', dataset.dataset)


def transforms_of(key: str, dataset: Any) -> Iterator[tuple[str, Any]]:
    """Yield the transforms of a dataset, nested ones included.

    Each comes with the config key of the step of the pipeline that holds it.
    """
    pipeline = dataset.pipeline if isinstance(dataset, _HasPipeline) else ()
    steps = (pipeline.transforms if isinstance(pipeline, _HoldsTransforms)
             else pipeline)
    for number, step in enumerate(steps):
        for transform in _walk_transforms(step):
            yield f'{key}.pipeline.{number}', transform


def _walk_transforms(part: Any) -> Iterator[Any]:
    if isinstance(part, list | tuple):
        for each in part:
            yield from _walk_transforms(each)
        return
    yield part
    if isinstance(part, _HoldsTransforms):
        yield from _walk_transforms(part.transforms)
    if isinstance(part, _HoldsSubroutines):
        yield from _walk_transforms(part.subroutines)
