"""Where anomalies are learned, something labels them."""
from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

from torch import nn

from ...labels import OUTLIER_INDEX, labels_anomalies
from ...models.interfaces import learns_anomalies
from .look import Look, transforms_of


@runtime_checkable
class _MapsLabels(Protocol):

    label_map: dict[int, int] | None


def missing_anomalies(look: Look) -> str | None:
    """Look for who makes the anomalies that a head or loss learns from.

    Without any it learns that everything is normal.
    """
    learners = list(_learners(look.model)) if look.phase == 'train' else []
    if not learners or any(_labels(key, dataset)
                           for key, dataset in look.datasets()):
        return None
    return (f'{" and ".join(learners)} learn from pixels labelled '
            f'{OUTLIER_INDEX}, and nothing in `train_dataloader.dataset` '
            'makes any: add OutlierPaste to its `pipeline` with a '
            '`paste_probability` above 0, or set `labels_anomalies = True` '
            'in the class of your own dataset or transform that does')


def _learners(model: nn.Module) -> Iterator[str]:
    for name, module in model.named_modules():
        if learns_anomalies(module):
            yield f'`model.{name}` ({type(module).__name__})'


def _labels(key: str, dataset: Any) -> bool:
    mapped = dataset.label_map if isinstance(dataset, _MapsLabels) else None
    return (labels_anomalies(dataset)
            or OUTLIER_INDEX in (mapped or {}).values()
            or any(labels_anomalies(transform)
                   for _, transform in transforms_of(key, dataset)))
