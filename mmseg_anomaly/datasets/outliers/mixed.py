"""A mixture of several sources of cut-outs."""
from collections.abc import Sequence
from numbers import Real

import numpy as np
from mmseg.registry import DATASETS

from ...checks import check_parts
from .cutout import Cutout
from .source import OutlierSource, origin_of, sample_number


@DATASETS.register_module()
class MixedOutliers:
    """Objects of several sources, each used as often as its weight says.

    .. code-block:: python

        source=dict(
            type='MixedOutliers',
            sources=[dict(type='PackedOutliers', pack_file='coco.pack'),
                     dict(type='SyntheticOutliers')],
            weights=[0.8, 0.2])

    Args:
        sources: DATASETS configs, or built.
        weights: Relative frequencies, one for each source; equal ones unless
            given, whatever the sizes of the sources.

    Raises:
        ValueError: If there is no source, one is empty, or the weights are
            of another number, negative, not finite or all zero.
    """

    def __init__(self,
                 sources: Sequence[dict | OutlierSource],
                 weights: Sequence[float] | None = None) -> None:
        check_parts('sources', sources, OutlierSource)
        self.sources = [
            DATASETS.build(source) if isinstance(source, dict) else source
            for source in sources
        ]
        sizes = [len(source) for source in self.sources]
        if not sizes or min(sizes) == 0:
            raise ValueError('`sources` must be at least one source of at '
                             f'least one object, got the sizes {sizes}')
        weights = [1.0] * len(sizes) if weights is None else list(weights)
        if (len(weights) != len(sizes)
                or not all(isinstance(weight, Real) and 0 <= weight < np.inf
                           for weight in weights) or sum(weights) == 0):
            raise ValueError(
                f'`weights` must be {len(sizes)} finite numbers of at least '
                f'0, not all 0, got {weights}')
        self.weights = np.array(weights) / sum(weights)
        self._ends = np.cumsum([0, *sizes])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, number: int) -> Cutout:
        row, inner = self._locate(number)
        return self.sources[row][inner]

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(sources={self.sources}, '
                f'weights={self.weights.round(4).tolist()})')

    def sample_number(self, generator: np.random.Generator) -> int:
        """Return a random object of a source chosen by weight."""
        row = int(generator.choice(len(self.sources), p=self.weights))
        return int(self._ends[row]) + sample_number(self.sources[row],
                                                    generator)

    def origin(self, number: int) -> dict[str, int | str]:
        """Return where an object comes from, as far as its source says."""
        row, inner = self._locate(number)
        return origin_of(self.sources[row], inner)

    def _locate(self, number: int) -> tuple[int, int]:
        """Return the row of an object's source, and its number there."""
        if not 0 <= number < len(self):
            raise IndexError(f'object {number} of {len(self)}')
        row = int(np.searchsorted(self._ends, number, side='right')) - 1
        return row, number - int(self._ends[row])
