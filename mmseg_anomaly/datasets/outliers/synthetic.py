"""Textured shapes drawn by formula, without any download."""

import numpy as np
from mmseg.registry import DATASETS

from mmseg_anomaly.checks import (
    check_choice,
    check_integer,
    check_numbers,
    check_order,
)
from mmseg_anomaly.datasets.synthetic_roads.strange_objects import (
    SHAPES,
    draw_strange_object,
)

from .cutout import OPAQUE, Cutout, crop_to_alpha


@DATASETS.register_module()
class SyntheticOutliers:
    """Textured shapes, drawn when asked for; no files.

    Object i follows from ``split``, ``seed`` and i alone.

    .. code-block:: python

        source=dict(type='SyntheticOutliers', num_objects=1000)

    Args:
        num_objects: How many different ones there are.
        split: 'train' or 'test'; the two share neither shape nor pattern,
            so that a model trained on one can be tested on the other.
        size_px: Smallest and largest side of the square they are drawn in.
        seed: Seed of all objects.

    Raises:
        ValueError: If a number is out of range or the split unknown.
    """

    def __init__(self,
                 num_objects: int = 1000,
                 split: str = 'train',
                 *,
                 size_px: tuple[int, int] = (96, 256),
                 seed: int = 0) -> None:
        check_integer('num_objects', num_objects, low=1)
        check_choice('split', split, SHAPES)
        check_numbers('size_px', size_px, length=2, kind=int, low=16,
                      layout='(smallest, largest)')
        check_order('size_px[0]', size_px[0], 'size_px[1]', size_px[1])
        check_integer('seed', seed, low=0)
        self.num_objects = num_objects
        self.split = split
        self.size_px = tuple(size_px)
        self.seed = seed

    def __len__(self) -> int:
        return self.num_objects

    def __getitem__(self, number: int) -> Cutout:
        if not 0 <= number < self.num_objects:
            raise IndexError(f'object {number} of {self.num_objects}')
        generator = np.random.default_rng((self.seed, number))
        size_px = int(generator.integers(self.size_px[0],
                                         self.size_px[1] + 1))
        image, mask, category = draw_strange_object(
            self.split, size_px, generator)
        return crop_to_alpha(
            Cutout(image, mask * np.uint8(OPAQUE), category,
                   origin=self.origin(number)))

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(num_objects={self.num_objects}, '
                f'split={self.split!r}, size_px={self.size_px}, '
                f'seed={self.seed})')

    def origin(self, number: int) -> dict[str, int | str]:
        """Return what draws an object again."""
        return dict(split=self.split, seed=self.seed, number=number)
