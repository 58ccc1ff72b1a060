"""Choose the instances of a COCO index that may be pasted.

Shape letters: I images, N instances.
"""
import logging
import re
import unicodedata
from collections.abc import Collection, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

import numpy as np
from mmengine.logging import print_log

from mmseg_anomaly.checks import check_flags, check_number

from .coco_index import (
    CROWD,
    DAMAGED,
    WITHOUT_MASK,
    CocoIndex,
    refuse_damaged,
)

# What a road scene knows, in the words of COCO and of LVIS, then of others.
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
    'trailer_truck', 'train_(railroad_vehicle)',
    'pedestrian', 'rider', 'cyclist', 'bicyclist', 'motorcyclist', 'human',
    'people', 'man', 'woman', 'boy', 'girl', 'child', 'vehicle',
    'land vehicle', 'automobile', 'taxi', 'suv', 'van', 'sports car',
    'heavy truck', 'machinery vehicle', 'lorry', 'caravan', 'trailer',
    'tram', 'motorbike', 'moped', 'bike', 'tricycle', 'traffic sign',
    'speed limit sign', 'crosswalk sign', 'pole', 'street light')
# Surfaces, as COCO-Stuff and driving sets call them. They are never pasted,
# but a picture that shows one keeps its other objects.
ROAD_SURFACES = (
    'road', 'street', 'pavement', 'sidewalk', 'terrain', 'ground', 'grass',
    'dirt', 'gravel', 'sky', 'cloud', 'fog', 'building', 'house',
    'skyscraper', 'wall', 'wall-brick', 'wall-concrete', 'wall-panel',
    'wall-stone', 'wall-tile', 'wall-wood', 'fence', 'railing', 'guard rail',
    'bridge', 'tunnel', 'railroad', 'platform', 'vegetation', 'tree', 'bush',
    'plant', 'leaves', 'mountain', 'hill', 'crosswalk', 'lane marking',
    'parking', 'curb')

_ROAD_WORDS = {*ROAD_CATEGORIES, *ROAD_SURFACES}
_DAMAGED = 'with a damaged mask'
_NUM_SHOWN = 10
_PLURALS = (('s', ''), ('es', ''), ('ies', 'y'), ('men', 'man'),
            ('children', 'child'))


class CocoFilters(NamedTuple):
    """What must not be pasted; ``CocoOutliers`` explains the fields."""

    allow_categories: str | Sequence[str] | None
    deny_categories: str | Sequence[str]
    deny_image_categories: str | Sequence[str]
    min_area: int
    max_area: int | None
    min_solidity: float
    max_aspect: float | None
    allow_truncated: bool
    skip_damaged: bool


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
        ValueError: If a list is none of names that the file knows, a
            number is out of range, or a mask is damaged of which nothing
            but ``skip_damaged`` says that it is not wanted.
    """
    is_left = np.ones(len(index), bool)
    removed = {}
    for reason, is_caught in _catches(index, filters, ann_file).items():
        is_caught = is_caught & is_left
        if reason == _DAMAGED and is_caught.any():
            _report_damaged(index, np.flatnonzero(is_caught), filters,
                            ann_file)
        if is_caught.any():
            removed[reason] = int(is_caught.sum())
        is_left &= ~is_caught
    return np.flatnonzero(is_left), removed


def _report_damaged(index: CocoIndex, rows: np.ndarray, filters: CocoFilters,
                    ann_file: Path) -> None:
    if not filters.skip_damaged:
        refuse_damaged(ann_file, rows[0])
    ids = index['annotation_ids'][rows]
    print_log(
        f'{len(rows)} annotations of {ann_file} are left out, their masks '
        f'are damaged: {ids[:_NUM_SHOWN].tolist()}'
        + f' and {len(rows) - _NUM_SHOWN} more' * (len(rows) > _NUM_SHOWN),
        logger='current', level=logging.WARNING)


def check_filters(filters: CocoFilters) -> None:
    """Refuse numbers and flags of a wrong type or out of range.

    Raises:
        TypeError: If one is of another type.
        ValueError: If a number is out of range.
    """
    check_number('min_area', filters.min_area, low=0)
    check_number('max_area', filters.max_area, low=filters.min_area,
                 optional=True)
    check_number('min_solidity', filters.min_solidity, low=0, high=1)
    check_number('max_aspect', filters.max_aspect, low=1, optional=True)
    check_flags(allow_truncated=filters.allow_truncated,
                skip_damaged=filters.skip_damaged)


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
        _DAMAGED: kinds == DAMAGED,
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
    words = {_word(name) for name in listed}
    known = [_words_of(category) for category in index.categories]
    unknown = {name for name in listed if _word(name) not in set().union(
        *known)}
    if set(listed) >= set(ROAD_CATEGORIES):  # the words of many files
        unknown -= _ROAD_WORDS
    if unknown:
        _report_unknown(unknown, argument, index, ann_file)
    return np.flatnonzero([not words.isdisjoint(each) for each in known])


def _report_unknown(unknown: set[str], argument: str, index: CocoIndex,
                    ann_file: Path) -> None:
    """Warn of names of the road that a file lacks, refuse others."""
    nearest = sorted({
        near for name in unknown
        for near in get_close_matches(name, index.categories)})
    problem = (
        f'`{argument}` must be categories that occur in {ann_file}, which '
        f'does not know {sorted(unknown)}; it knows '
        f'{sorted(index.categories)}' + f', nearest {nearest}' * bool(nearest))
    if argument == 'allow_categories' or unknown - _ROAD_WORDS:
        raise ValueError(problem)
    print_log(f'{problem}; nothing is denied by these names',
              logger='current', level=logging.WARNING)


def _word(name: str) -> str:
    """Return a name without case, spaces and punctuation."""
    name = unicodedata.normalize('NFKC', name).casefold()
    return re.sub(r'[\W_]', '', name) or name


def _words_of(category: str) -> set[str]:
    """Return what a category may be called in a list.

    The plural and the endings of COCO-Stuff may be left out.
    """
    word = _word(category)
    root = _word(re.sub('(-other)?(-merged)?$', '', category.casefold()))
    singulars = {each.removesuffix(plural) + singular
                 for each in (word, root) for plural, singular in _PLURALS
                 if each.endswith(plural)}
    return {word, root, *singulars}
