import pickle
import subprocess
import sys

import numpy as np
import pytest
from mmseg.registry import DATASETS

from mmseg_anomaly.datasets.outliers import (
    BrokenImageError,
    Cutout,
    PackedOutliers,
    SyntheticOutliers,
)
from mmseg_anomaly.datasets.outliers.array_file import ArrayFileWriter
from mmseg_anomaly.datasets.outliers.packed import encode_cutout, write_pack

SOURCE = SyntheticOutliers(num_objects=5, size_px=(30, 60))


@pytest.fixture
def pack_file(tmp_path):
    path = tmp_path / 'things.pack'
    order = (3, 0, 4, 1, 2)
    objects = ((number, *encode_cutout(SOURCE[number])) for number in order)
    assert write_pack(path, objects, dict(source='made')) == 5
    return path


def test_objects__keep_pixels_order_and_words(pack_file):
    packed = DATASETS.build(
        dict(type='PackedOutliers', pack_file=str(pack_file)))
    for source in (packed, pickle.loads(pickle.dumps(packed))):
        assert len(source) == 5
        for number in range(5):
            visible = SOURCE[number].alpha > 0
            np.testing.assert_array_equal(source[number].alpha,
                                          SOURCE[number].alpha)
            np.testing.assert_array_equal(source[number].image[visible],
                                          SOURCE[number].image[visible])
            assert source[number].category == SOURCE[number].category
            assert source.origin(number) == SOURCE.origin(number)
            assert source.content_hash(
                number) == SOURCE[number].content_hash()


def test_soft_border__keeps_its_colours(tmp_path):
    noise = np.random.default_rng(0).integers(256, size=(9, 9, 4), dtype='u1')
    cutout = Cutout(noise[..., :3], noise[..., 3], 'noise')
    write_pack(tmp_path / 'a.pack', [(0, *encode_cutout(cutout))], {})
    assert PackedOutliers(
        str(tmp_path / 'a.pack'))[0].content_hash() == cutout.content_hash()


def test_packed_source__needs_no_pycocotools(pack_file):
    code = ("import sys; sys.modules['pycocotools'] = None\n"
            'from mmseg_anomaly.datasets.outliers import PackedOutliers\n'
            f'assert PackedOutliers({str(pack_file)!r})[2].alpha.any()')
    subprocess.run([sys.executable, '-c', code], check=True)


def test_damaged_object__is_named(pack_file):
    source = PackedOutliers(str(pack_file))
    start = int(source._file.arrays['starts'][1]) + 64
    content = bytearray(pack_file.read_bytes())
    content[start:start + 20] = bytes(20)
    pack_file.write_bytes(content)
    with pytest.raises(BrokenImageError, match='object 1 of .*things.pack'):
        PackedOutliers(str(pack_file))[1]
    assert PackedOutliers(str(pack_file))[0].alpha.any()


def test_empty_file__is_refused(tmp_path):
    write_pack(tmp_path / 'none.pack', [], {})
    with pytest.raises(ValueError, match='none.pack holds no object'):
        PackedOutliers(str(tmp_path / 'none.pack'))


def test_other_file__is_refused(tmp_path):
    with ArrayFileWriter(tmp_path / 'x.index'):
        pass
    with pytest.raises(ValueError, match='no outliers but something else'):
        PackedOutliers(str(tmp_path / 'x.index'))


@pytest.mark.parametrize(('old', 'new'), [
    (b'{"category"', b'{"categorx"'), (b'{"category"', b'\xff"category"'),
    (b'"content_hash": "', b'"content_hash": 1"'),
])
def test_damaged_record__is_named(pack_file, old, new):
    content = pack_file.read_bytes()
    pack_file.write_bytes(content.replace(old, new[:len(old)], 1))
    with pytest.raises(BrokenImageError, match='the record of object 0 of '
                       '.*things.pack .*copy or make the file again'):
        PackedOutliers(str(pack_file))[0]


def test_file_without_an_array__is_named(tmp_path):
    with ArrayFileWriter(tmp_path / 'a.pack') as writer:
        writer.meta['kind'] = 'mmseg_anomaly outliers'
        writer.add('starts', np.zeros(1, np.int64))
    with pytest.raises(ValueError, match=r"a.pack lacks \['lengths', 'pixels'"
                       ):
        PackedOutliers(str(tmp_path / 'a.pack'))
