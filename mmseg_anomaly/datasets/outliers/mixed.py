"""Several sources in one."""
from collections.abc import Sequence
from numbers import Real

import numpy as np
from mmseg.registry import DATASETS

from .cutout import Cutout


@DATASETS.register_module()
class MixedOutliers:
    """Objects of several sources, each drawn as often as its weight says.

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
                 sources: Sequence[dict | object],
                 weights: Sequence[float] | None = None) -> None:
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
        return self.sources[self._part(number)][self._within(number)]

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(sources={self.sources}, '
                f'weights={self.weights.round(4).tolist()})')

    def draw_number(self, generator: np.random.Generator) -> int:
        """Draw a source by weight and one of its objects."""
        part = int(generator.choice(len(self.sources), p=self.weights))
        return int(self._ends[part]) + draw_number(self.sources[part],
                                                   generator)

    def origin(self, number: int) -> dict[str, int | str]:
        """Return where an object comes from, as far as its source says."""
        return origin_of(self.sources[self._part(number)],
                         self._within(number))

    def _part(self, number: int) -> int:
        if not 0 <= number < len(self):
            raise IndexError(f'object {number} of {len(self)}')
        return int(np.searchsorted(self._ends, number, side='right')) - 1

    def _within(self, number: int) -> int:
        return number - int(self._ends[self._part(number)])


def draw_number(source: object, generator: np.random.Generator) -> int:
    """Draw an object of a source.

    Args:
        source: Draws itself if it has ``draw_number``; otherwise every
            object is equally likely.
        generator: Decides.

    Returns:
        The number of an object.
    """
    if hasattr(source, 'draw_number'):
        return source.draw_number(generator)
    return int(generator.integers(len(source)))


def origin_of(source: object, number: int) -> dict[str, int | str]:
    """Return where an object comes from; empty if its source cannot say."""
    return source.origin(number) if hasattr(source, 'origin') else {}
