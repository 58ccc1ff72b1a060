"""Some objects of a source."""
import numpy as np

from .cutout import Cutout
from .mixed import MixedOutliers, origin_of


class OutlierSubset:
    """Some objects of a source that is no mixture, all equally likely.

    Args:
        source: All objects.
        numbers: Those to keep.
    """

    def __init__(self, source: object, numbers: list[int]) -> None:
        self.source = source
        self.numbers = numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, number: int) -> Cutout:
        return self.source[self.numbers[number]]

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(source={self.source}, '
                f'objects={len(self)})')

    def origin(self, number: int) -> dict[str, int | str]:
        """Return where an object comes from, as far as its source says."""
        return origin_of(self.source, self.numbers[number])


def subset_of(source: object, numbers: list[int]) -> object:
    """Return a source of some objects, in their order.

    The parts of a mixture keep their weights, however many of their objects
    are left; a part of which none is left goes.

    Args:
        source: All objects.
        numbers: Those to keep, ascending, at least one.

    Returns:
        ``source`` itself if all are kept.

    Raises:
        ValueError: If only parts of weight 0 are left of a mixture.
    """
    if len(numbers) == len(source):
        return source
    if not isinstance(source, MixedOutliers):
        return OutlierSubset(source, numbers)
    ends = np.cumsum([0, *map(len, source.sources)])
    cuts = np.searchsorted(numbers, ends)
    parts, weights = [], []
    for row, part in enumerate(source.sources):
        kept = np.subtract(numbers[cuts[row]:cuts[row + 1]], ends[row])
        if len(kept):
            parts.append(subset_of(part, kept.tolist()))
            weights.append(source.weights[row])
    return MixedOutliers(parts, weights)
