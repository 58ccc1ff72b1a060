"""Choose the instances of a COCO index that may be pasted.

Shape letters: I images, N instances.
"""
from collections.abc import Collection, Sequence
from numbers import Real
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .coco_index import CROWD, WITHOUT_MASK, CocoIndex

# What a road scene knows, in the words of COCO and of LVIS.
ROAD_CATEGORIES = (
    'person', 'bicycle', 'car', 'motorcycle', 'bus', 'train', 'truck',
    'traffic light', 'stop sign',
    'ambulance', 'bullet_train', 'bus_(vehicle)', 'cab_(taxi)',
    'camper_(vehicle)', 'car_(automobile)', 'convertible_(automobile)',
    'dirt_bike', 'fire_engine', 'freight_car', 'garbage_truck', 'jeep',
    'limousine', 'minivan', 'motor_scooter', 'motor_vehicle',
    'passenger_car_(part_of_a_train)', 'pickup_truck', 'police_cruiser',
    'race_car', 'railcar_(part_of_a_train)', 'school_bus', 'stop_sign',
    'street_sign', 'streetlight', 'tow_truck', 'traffic_light',
    'trailer_truck', 'train_(railroad_vehicle)')


class CocoFilters(NamedTuple):
    """What must not be pasted; ``CocoOutliers`` explains the fields."""

    allow_categories: str | Sequence[str] | None = None
    deny_categories: str | Sequence[str] = ROAD_CATEGORIES
    deny_image_categories: str | Sequence[str] = ROAD_CATEGORIES
    min_area: int = 400
    max_area: int | None = None
    min_solidity: float = 0.0
    max_aspect: float | None = None
    allow_truncated: bool = True


def select_rows(index: CocoIndex, filters: CocoFilters,
                ann_file: Path) -> tuple[np.ndarray, dict[str, int]]:
    """Return the instances that pass.

    Args:
        index: All instances.
        filters: What removes them.
        ann_file: For messages.

    Returns:
        (n,) int64 rows of the index, ascending, and how many instances each
        filter removed; an instance counts for the first that catches it.

    Raises:
        ValueError: If a list is none of names that the file knows, or a
            number is out of range.
    """
    _check_ranges(filters)
    is_left = np.ones(len(index), bool)
    removed = {}
    for reason, is_caught in _catches(index, filters, ann_file).items():
        is_caught = is_caught & is_left
        if is_caught.any():
            removed[reason] = int(is_caught.sum())
        is_left &= ~is_caught
    return np.flatnonzero(is_left), removed


def _check_ranges(filters: CocoFilters) -> None:
    for name, lowest, highest in (
        ('min_area', 0, np.inf),
        ('max_area', filters.min_area, np.inf),
        ('min_solidity', 0, 1),
        ('max_aspect', 1, np.inf),
    ):
        value = getattr(filters, name)
        if value is None and name.startswith('max'):
            continue
        if not isinstance(value, Real) or not lowest <= value <= highest:
            raise ValueError(f'`{name}` must be a number between {lowest} '
                             f'and {highest}, got {value!r}')


def _catches(index: CocoIndex, filters: CocoFilters,
             ann_file: Path) -> dict[str, np.ndarray]:
    """Return (N,) bool for each reason."""
    kinds, areas = index['kinds'], index['areas']
    category_rows = index['category_rows']

    def rows_of(argument: str) -> np.ndarray:
        return _category_rows(index, argument, getattr(filters, argument),
                              ann_file)

    catches = {'crowd': kinds == CROWD}
    if filters.allow_categories is not None:
        catches['of no allowed category'] = ~np.isin(
            category_rows, rows_of('allow_categories'))
    catches |= {
        'of a denied category': np.isin(
            category_rows, rows_of('deny_categories')),
        'beside a denied category': _is_beside(
            index, rows_of('deny_image_categories')),
        'without segmentation': kinds == WITHOUT_MASK,
        'smaller than `min_area`': areas < max(filters.min_area, 1),
        'below `min_solidity`': index['solidities'] < filters.min_solidity
    }
    if filters.max_area is not None:
        catches['larger than `max_area`'] = areas > filters.max_area
    if filters.max_aspect is not None:
        sides = np.maximum(index['boxes_xywh'][:, 2:], 1)  # (N, 2)
        aspects = sides.max(axis=1) / sides.min(axis=1)
        catches['above `max_aspect`'] = aspects > filters.max_aspect
    if not filters.allow_truncated:
        catches['truncated by its image'] = _is_truncated(index)
    return catches


def _is_beside(index: CocoIndex, denied: np.ndarray) -> np.ndarray:
    pairs = index['pairs']
    is_denied = np.zeros(len(index['image_ids']), bool)  # (I,)
    is_denied[pairs[np.isin(pairs[:, 1], denied), 0]] = True
    return is_denied[index['image_rows']]


def _is_truncated(index: CocoIndex) -> np.ndarray:
    box_xywh = index['boxes_xywh'].astype(np.int64)  # sides add up
    ends_xy = box_xywh[:, :2] + box_xywh[:, 2:]
    image_wh = index['sizes_hw'][index['image_rows'], ::-1]
    return (box_xywh[:, :2] <= 0).any(axis=1) | (ends_xy
                                                 >= image_wh).any(axis=1)


def _category_rows(index: CocoIndex, argument: str,
                   names: str | Sequence[str], ann_file: Path) -> np.ndarray:
    # a command line gives one name without a list
    listed = [names] if isinstance(names, str) else names
    if not isinstance(listed, Collection) or not all(
            isinstance(name, str) for name in listed):
        raise ValueError(f'`{argument}` must be names of categories, got '
                         f'{names!r}')
    unknown = set(listed) - set(index.categories) - set(ROAD_CATEGORIES)
    if unknown:
        raise ValueError(
            f'`{argument}` must be categories that occur in {ann_file}, '
            f'which does not know {sorted(unknown)}; it knows '
            f'{sorted(index.categories)}')
    return np.flatnonzero(np.isin(index.categories, list(listed)))
