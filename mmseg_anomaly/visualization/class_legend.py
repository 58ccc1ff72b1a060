"""Which names and colours the classes of a picture have.

A picture shows labels of a data set and predictions of a model, and the two
need not have the same classes.
"""
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..class_names import Color, class_colors
from .panels import legend_entries

PREDICTION = 'pred_sem_seg'


class ClassLegend:
    """Names and colours for the label maps of one picture.

    Args:
        dataset_meta: ``classes`` and ``palette`` of the labels.
        model_meta: Those of the predictions; None if they are the same.
        labels: Field of a sample -> (H, W) ids.
    """

    def __init__(self, dataset_meta: Mapping[str, Any],
                 model_meta: Mapping[str, Any] | None,
                 labels: Mapping[str, np.ndarray]) -> None:
        self.labels = labels
        self._metas = {kind: (model_meta or dataset_meta)
                       if kind == PREDICTION else dataset_meta
                       for kind in labels}

    def colors(self, kind: str) -> list[Color]:
        """Return a colour for each class, predicted ones without a name too.

        Args:
            kind: Field of a sample.
        """
        count = len(self._names(kind))
        if kind == PREDICTION:
            count = max(count, int(self.labels[kind].max()) + 1)
        return class_colors(count, self._metas[kind].get('palette'))

    def entries(self) -> list[tuple[str, Color]]:
        """Return what occurs: name and colour, each pair once."""
        found = {entry: None for kind, label in self.labels.items()
                 for entry in legend_entries([label], self._names(kind),
                                             self.colors(kind))}
        return list(found)

    def _names(self, kind: str) -> tuple[str, ...]:
        return tuple(self._metas[kind].get('classes') or ())
