import cv2
import numpy as np
import pytest
from mmseg.registry import DATASETS

from mmseg_anomaly.datasets.outliers import BrokenImageError, FolderOutliers

IMAGE = np.random.default_rng(0).integers(256, size=(8, 9, 3), dtype=np.uint8)
ALPHA = np.zeros((8, 9), np.uint8)
ALPHA[2:5, 3:7] = [[0, 9, 255, 255], [255] * 4, [255] * 4]
MASK = (ALPHA == 255) * np.uint8(255)


def write(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), array)


def write_pair(root, mask=MASK, image=IMAGE):
    write(root / 'images' / 'cup' / '1.jpg', image)
    write(root / 'masks' / 'cup' / '1.png', mask)
    return FolderOutliers(
        str(root), data_prefix=dict(img_path='images', mask_path='masks'),
        img_suffix='.jpg')


def test_rgba__is_cropped_to_its_alpha(tmp_path):
    write(tmp_path / 'cup' / '1.png',
          np.concatenate((IMAGE, ALPHA[..., None]), axis=2))
    source = DATASETS.build(
        dict(type='FolderOutliers', data_root=str(tmp_path)))
    assert len(source) == 1
    np.testing.assert_array_equal(source[0].image, IMAGE[2:5, 3:7])
    np.testing.assert_array_equal(source[0].alpha, ALPHA[2:5, 3:7])
    assert source[0].category == 'cup'
    assert source[0].origin == dict(image='cup/1.png')


@pytest.mark.parametrize('full', [1, 255])
def test_image_and_mask__belong_together(tmp_path, full):
    source = write_pair(tmp_path, (ALPHA == 255).astype(np.uint8) * full)
    assert source[0].image.shape == (3, 4, 3)
    assert np.unique(source[0].alpha).tolist() == [0, 255]
    assert 'objects=1' in repr(source)


def test_file_at_the_root__has_the_category_of_the_root(tmp_path):
    write(tmp_path / '1.png', np.full((4, 4, 4), 255, np.uint8))
    assert FolderOutliers(str(tmp_path))[0].category == tmp_path.name


def test_image_without_alpha__is_broken(tmp_path):
    write(tmp_path / '1.png', IMAGE)
    with pytest.raises(BrokenImageError, match='1.png must be RGBA'):
        FolderOutliers(str(tmp_path))[0]


@pytest.mark.parametrize(('mask', 'message'), [
    (MASK[1:], r'masks/cup/1.png must be .*\(8, 9\), got shape \(7, 9\)'),
    (IMAGE, r'got shape \(8, 9, 3\)'),
    (np.zeros_like(ALPHA), 'images/cup/1.jpg shows no object'),
])
def test_unfit_mask__is_broken(tmp_path, mask, message):
    with pytest.raises(BrokenImageError, match=message):
        write_pair(tmp_path, mask)[0]


def test_missing_mask__is_named_at_once(tmp_path):
    write_pair(tmp_path)
    write(tmp_path / 'images' / '2.jpg', IMAGE)
    with pytest.raises(FileNotFoundError, match='no mask .*masks/2.png'):
        write_pair(tmp_path)


def test_folder_without_images__is_refused(tmp_path):
    with pytest.raises(ValueError, match=r'holds no \*.png'):
        FolderOutliers(str(tmp_path))


def test_prefix__takes_two_keys(tmp_path):
    with pytest.raises(ValueError, match="or img_path alone, got {'mask_path"):
        FolderOutliers(str(tmp_path), data_prefix=dict(mask_path='masks'))


def test_folder_behind_a_link__is_a_part_of_the_source(tmp_path):
    write(tmp_path / 'here' / '1.png', np.full((4, 4, 4), 255, np.uint8))
    write(tmp_path / 'there' / '2.png', np.full((4, 4, 4), 255, np.uint8))
    (tmp_path / 'here' / 'cup').symlink_to(tmp_path / 'there')
    source = FolderOutliers(str(tmp_path / 'here'))
    assert [source[row].category for row in range(2)] == ['here', 'cup']


def test_format_that_nobody_reads__is_counted(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(
        'mmseg_anomaly.datasets.outliers.folder_pairs.print_log',
        lambda message, **_: said.append(message))
    write(tmp_path / '1.png', np.full((4, 4, 4), 255, np.uint8))
    for name in ('2.tif', '3.gif', 'notes.txt'):
        (tmp_path / name).touch()
    assert len(FolderOutliers(str(tmp_path))) == 1
    message, = said
    assert '2 images' in message and 'first 2.tif' in message
