"""A picture that cannot be decoded is named."""
import pytest

from mmseg_anomaly.datasets.transforms.load_picture import LoadImageFromFile

OF_A_SET = dict(reduce_zero_label=False)


@pytest.mark.parametrize('backend', ['cv2', 'pillow'])
@pytest.mark.parametrize('content', [b'', b'no picture', b'\x89PNG\r\n\x1a\n'])
@pytest.mark.parametrize('sample', [OF_A_SET, {}], ids=['set', 'no set'])
def test_picture_that_is_none__is_named(tmp_path, backend, content, sample):
    path = tmp_path / 'a.png'
    path.write_bytes(content)
    load = LoadImageFromFile(imdecode_backend=backend)
    with pytest.raises(ValueError, match=r'the image .*a\.png cannot be '
                       'decoded .*; copy it again'):
        load(dict(img_path=str(path), **sample))


@pytest.mark.parametrize('sample', [OF_A_SET, {}], ids=['set', 'no set'])
def test_picture_that_is_missing__is_said_to_be(tmp_path, sample):
    with pytest.raises(FileNotFoundError, match=r'a\.png'):
        LoadImageFromFile()(dict(img_path=str(tmp_path / 'a.png'), **sample))
