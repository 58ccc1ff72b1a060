import itertools
import math

import numpy as np
import pytest

from mmseg_anomaly.evaluation.pixels.ranking import METRIC_NAMES, rank_pixels
from mmseg_anomaly.evaluation.pixels.score_histogram import ScoreCounts


def _counts(cells, level=0):
    """Cells as (positives, negatives), in falling order of the score."""
    positives, negatives = np.array(cells[::-1], np.int64).T
    keys = (np.arange(len(cells), dtype=np.uint32) + 65536) << 15
    return ScoreCounts(keys, negatives, positives, level)


def test_rank_pixels__hand_computed():
    # Falling scores: anomaly, normal, anomaly, normal.
    ranking = rank_pixels(_counts([(1, 0), (0, 1), (1, 0), (0, 1)]))
    assert ranking.values['AuPRC'] == pytest.approx(100 * (1 + 2 / 3) / 2)
    assert ranking.values['FPR95'] == 50
    assert ranking.values['AUROC'] == 75
    assert ranking.values['F1'] == pytest.approx(100 * 4 / 5)
    # directly below the bits of the third cell
    assert ranking.threshold == 2.**-134 - 2.**-149
    assert ranking.bounds == dict.fromkeys(METRIC_NAMES, 0)
    assert (ranking.num_positives, ranking.num_negatives) == (2, 2)


def test_rank_pixels__ties_count_at_their_end():
    ranking = rank_pixels(_counts([(1, 1), (1, 0), (0, 2)]))
    assert ranking.values['AuPRC'] == pytest.approx(100 * (1 / 2 + 2 / 3) / 2)
    assert ranking.values['FPR95'] == pytest.approx(100 / 3)
    assert ranking.values['AUROC'] == pytest.approx(100 * (2.5 + 2) / 2 / 3)


def test_rank_pixels__recall_of_exactly_95_percent_suffices():
    ranking = rank_pixels(_counts([(19, 0), (0, 1), (1, 0), (0, 1)]))
    assert ranking.values['FPR95'] == 0


@pytest.mark.parametrize('cell', [(3, 0), (0, 3)])
def test_rank_pixels__undefined_without_both_kinds(cell):
    ranking = rank_pixels(_counts([cell]))
    for value in (*ranking.values.values(), *ranking.bounds.values()):
        assert math.isnan(value)


def test_rank_pixels__of_nothing_is_undefined():
    empty = np.zeros(0, np.int64)
    ranking = rank_pixels(ScoreCounts(empty.astype(np.uint32), empty, empty))
    assert math.isnan(ranking.values['AuPRC'])


def test_rank_pixels__does_not_overflow():
    many = 3_000_000_000_000
    ranking = rank_pixels(_counts([(many, many), (many, 2 * many)]))
    assert ranking.values['AUROC'] == pytest.approx(100 * 3.5 / 6)


def _orders(cells):
    """Yield every way to break up the cells into ordered ties."""

    def break_up(p, n):
        pixels = [(1, 0)] * p + [(0, 1)] * n
        for order in set(itertools.permutations(pixels)):
            for cuts in itertools.product([0, 1], repeat=len(order) - 1):
                groups = [order[0]]
                for cut, pixel in zip(cuts, order[1:], strict=True):
                    if cut:
                        groups.append(pixel)
                    else:
                        groups[-1] = tuple(np.add(groups[-1], pixel))
                yield groups

    for parts in itertools.product(*(list(break_up(*c)) for c in cells)):
        yield list(itertools.chain.from_iterable(parts))


@pytest.mark.parametrize('cells', [[(2, 2), (1, 2)], [(2, 1), (0, 1), (1, 1)],
                                   [(3, 1)], [(0, 2), (3, 0)]])
def test_rank_pixels__bounds_hold_for_every_order_inside_the_cells(cells):
    merged = rank_pixels(_counts(cells, level=3))
    worst = dict.fromkeys(merged.values, 0.)
    for groups in _orders(cells):
        exact = rank_pixels(_counts(groups)).values
        for name, value in exact.items():
            error = abs(value - merged.values[name])
            worst[name] = max(worst[name], error)
            assert error <= merged.bounds[name] + 1e-9, (name, groups)
    # The others reach their bounds, AuPRC comes near to it.
    assert worst['F1'] == pytest.approx(merged.bounds['F1'])
    assert worst['FPR95'] == pytest.approx(merged.bounds['FPR95'])
    assert worst['AUROC'] == pytest.approx(merged.bounds['AUROC'])
    assert worst['AuPRC'] >= .5 * merged.bounds['AuPRC']


def test_rank_pixels__single_pixels_and_exact_scores_add_no_doubt():
    lone = _counts([(1, 0), (0, 1), (1, 0)], level=3)
    assert rank_pixels(lone).bounds['AuPRC'] == 0
    at_one = ScoreCounts(np.array([0xBF800000], np.uint32), np.array([5]),
                         np.array([5]), level=3)
    assert rank_pixels(at_one).bounds == dict.fromkeys(METRIC_NAMES, 0)
