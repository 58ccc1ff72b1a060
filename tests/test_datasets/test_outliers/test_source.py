"""A source that has the required part only still does everything."""
import numpy as np
import pytest

from mmseg_anomaly.datasets.outliers import (
    Cutout,
    OutlierSource,
    SyntheticOutliers,
)
from mmseg_anomaly.datasets.outliers.source import (
    content_hash_of,
    origin_of,
    sample_number,
)
from mmseg_anomaly.datasets.paste import OutlierPaste


class TwoBoxes(OutlierSource):
    """The least that a user has to write."""

    def __len__(self):
        return 2

    def __getitem__(self, number):
        return Cutout(np.full((8, 8, 3), 200 + number, np.uint8),
                      np.full((8, 8), 255, np.uint8), 'box')


class Knowing(TwoBoxes):
    """A source with all optional parts, none of them the default."""

    def sample_number(self, generator):
        return 1

    def origin(self, number):
        return dict(image=f'{number}.png')

    def content_hash(self, number):
        return f'hash {number}'


def test_defaults__hold_for_the_required_part():
    source, generator = TwoBoxes(), np.random.default_rng(0)
    numbers = [sample_number(source, generator) for _ in range(50)]
    assert set(numbers) == {0, 1}
    assert origin_of(source, 0) == {}
    assert content_hash_of(source, 1) == source[1].content_hash()


def test_optional_parts__have_priority():
    source, generator = Knowing(), np.random.default_rng(0)
    assert {sample_number(source, generator) for _ in range(50)} == {1}
    assert origin_of(source, 1) == dict(image='1.png')
    assert content_hash_of(source, 1) == 'hash 1'


@pytest.mark.parametrize('source', [TwoBoxes(), [TwoBoxes()[0]],
                                    SyntheticOutliers(3)])
def test_every_source__can_be_pasted(source):
    paste = OutlierPaste(source)
    result = paste.paste(
        np.zeros((40, 40, 3), np.uint8), np.zeros((40, 40), np.uint8),
        np.random.default_rng(0))
    assert result.outliers and (result.seg_label == 254).any()
