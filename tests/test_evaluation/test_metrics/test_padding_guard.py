import pytest

from mmseg_anomaly.evaluation.metrics import padding_guard
from mmseg_anomaly.evaluation.metrics.padding_guard import PaddingGuard


def _counted(size, added, rank=0, world_size=1):
    counted = []
    guard = PaddingGuard(lambda *image: counted.append(image))
    padding_guard.get_dist_info = lambda: (rank, world_size)
    for image in added:
        guard.add(image, 'label')
    guard.finish(size)
    guard.finish(size)  # nothing is left to hand on
    return [image for image, _ in counted]


@pytest.fixture(autouse=True)
def _restore(monkeypatch):
    monkeypatch.setattr(padding_guard, 'get_dist_info', lambda: (0, 1))


def test_padding_guard__one_process_hands_everything_on():
    assert _counted(3, [0, 1, 2]) == [0, 1, 2]


@pytest.mark.parametrize('rank, size, added, expected', [
    (0, 5, [0, 2, 4], [0, 2, 4]), (1, 5, [1, 3, 0], [1, 3]),
    (1, 6, [1, 3, 5], [1, 3, 5]), (1, 1, [0], []), (0, 0, [], [])])
def test_padding_guard__of_two_drops_the_repetition(rank, size, added,
                                                    expected):
    assert _counted(size, added, rank, 2) == expected
