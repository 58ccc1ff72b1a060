"""Leave out the objects that two sources have in common.

An object is known by its picture, ``image:NAME`` (COCO's file names are
unique over its splits), by the family of formulas that drew it,
``drawn:SPLIT``, and by its pixels, ``content:HASH``.
"""
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from mmengine.logging import print_log

from mmseg_anomaly.progress import with_progress

from .cutout import Cutout
from .image_files import BrokenImageError
from .mixed import MixedOutliers
from .source import (
    OutlierSource,
    SourceWithHashes,
    content_hash_of,
    origin_of,
)

Owners = dict[str, tuple[int, OutlierSource]]  # key -> object and its source
_NUM_SHOWN = 3


def without_objects_of(source: OutlierSource, others: list[OutlierSource], *,
                       compare_pixels: bool = False) -> OutlierSource:
    """Leave out what other sources contain, with a warning that names it.

    Pictures and formulas are compared by name; pixels where a source knows
    their hashes or objects have no such name. An object whose picture occurs
    in another source is left out even if the object itself does not; so is,
    where pixels are compared, an object that cannot be read.

    Args:
        source: Objects to choose from.
        others: Sources of which no object may occur.
        compare_pixels: Compare the pixels of every object as well, which
            reads all images. Otherwise a picture that has two names is not
            recognised. A copy that is scaled, compressed again or cut out
            differently never is.

    Returns:
        ``source`` itself if nothing is left out.

    Raises:
        ValueError: If nothing is left.
    """
    if not others:
        return source
    with_content = compare_pixels or not all(
        _names(source, number) for number in range(len(source)))
    owners = {
        key: (number, other) for other in others
        for number, (keys, _) in enumerate(_all_keys(other, with_content))
        for key in keys
    }
    numbers, clashes = _compare(source, owners)
    message = (f'{len(numbers)} of the {len(source)} objects of {source} are '
               f'left, {_reason(clashes)}')
    if not numbers:
        raise ValueError(message)
    if len(numbers) < len(source):
        print_log(message, logger='current', level=logging.WARNING)
    return subset_of(source, numbers)


def _compare(source: OutlierSource,
             owners: Owners) -> tuple[list[int], Owners]:
    """Return the objects to keep, and the part of ``owners`` they met."""
    with_content = any(key.startswith('content:') for key in owners)
    numbers, clashes = [], {}
    for number, (keys, is_sound) in enumerate(_all_keys(source, with_content)):
        common = keys & owners.keys()
        clashes |= {key: owners[key] for key in common}
        if is_sound and not common:
            numbers.append(number)
    return numbers, clashes


def _reason(clashes: Owners) -> str:
    """Return why objects are not left."""
    if not clashes:
        return 'since the others cannot be read; replace their files'
    shown = ', '.join(
        f'{key} as object {clashes[key][0]} of {clashes[key][1]}'
        for key in sorted(clashes)[:_NUM_SHOWN])
    num_more = max(len(clashes) - _NUM_SHOWN, 0)
    return (f'since the sources to exclude contain {shown}'
            + f' and {num_more} more' * (num_more > 0)
            + '; where different pictures have one name, rename one of them')


def _all_keys(source: OutlierSource,
              with_content: bool) -> Iterator[tuple[set[str], bool]]:
    """Yield for each object what it is known by, and if it can be read."""
    warned = set()
    reads_nothing = isinstance(source, SourceWithHashes)
    for number in with_progress(range(len(source)), 'comparing objects'):
        keys, is_sound = _names(source, number), True
        if reads_nothing or with_content or not keys:
            try:
                keys.add(f'content:{content_hash_of(source, number)}')
            except BrokenImageError as error:
                is_sound = False
                if str(error) not in warned:
                    warned.add(str(error))
                    print_log(
                        f'neither used nor compared: {error}',
                        logger='current', level=logging.WARNING)
        yield keys, is_sound


def _names(source: OutlierSource, number: int) -> set[str]:
    origin = origin_of(source, number)
    if 'image_id' in origin:
        return {f'image:{Path(origin["image"]).name}'}
    if 'split' in origin:
        return {f'drawn:{origin["split"]}'}
    return set()


class OutlierSubset:
    """Some objects of a source that is no mixture, all equally likely.

    Args:
        source: All objects.
        numbers: Those to keep.
    """

    def __init__(self, source: OutlierSource, numbers: list[int]) -> None:
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


def subset_of(source: OutlierSource, numbers: list[int]) -> OutlierSource:
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
