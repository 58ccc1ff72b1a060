"""Tests of mmseg_anomaly.progress."""
import pytest

from mmseg_anomaly import progress


@pytest.fixture
def clock(monkeypatch):
    """Every look at the clock finds it two seconds later."""
    seconds = iter(range(0, 1000, 2))
    monkeypatch.setattr(progress.time, 'monotonic', lambda: next(seconds))


def test_with_progress__yields_all_and_counts(clock, log):
    assert [*progress.with_progress([*'abcdefgh'], 'reading')] == [*'abcdefgh']
    assert log == ['reading: 2 of 8', 'reading: 5 of 8']


def test_with_progress__length_by_hand_or_unknown(clock, log):
    list(progress.with_progress(iter('abc'), 'reading', total=3))
    list(progress.with_progress(iter('abc'), 'looking'))
    assert log == ['reading: 2 of 3', 'looking: 2']


def test_with_progress__short_work_says_nothing(log):
    assert [*progress.with_progress(range(3), 'reading')] == [0, 1, 2]
    assert log == []
