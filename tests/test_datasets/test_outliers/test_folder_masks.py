"""What the values of a user's masks mean, and which files belong together."""
import os

import cv2
import numpy as np
import pytest
from PIL import Image

from mmseg_anomaly.datasets.outliers import BrokenImageError, FolderOutliers

IMAGE = np.random.default_rng(0).integers(256, size=(12, 14, 3), dtype='u1')
OBJECT = np.zeros((12, 14), np.uint8)
OBJECT[3:8, 4:10] = 1


@pytest.fixture
def said(monkeypatch):
    """Return the list of what FolderOutliers logs."""
    lines = []
    monkeypatch.setattr(
        'mmseg_anomaly.datasets.outliers.folder_pairs.print_log',
        lambda message, **_: lines.append(message))
    return lines


def write(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), array)


def open_pairs(root, **options):
    return FolderOutliers(
        str(root), data_prefix=dict(img_path='images', mask_path='masks'),
        **options)


def open_mask(root, mask, **options):
    write(root / 'images' / 'a.png', IMAGE)
    write(root / 'masks' / 'a.png', mask)
    return open_pairs(root, **options)


def voc():
    """Return a mask as Pascal VOC has it: class 15, a border of 255."""
    mask = 255 * cv2.dilate(OBJECT, np.ones((3, 3), np.uint8))
    mask[OBJECT > 0] = 15
    return mask


def write_palette(path, mask):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(mask, 'P')
    picture.putpalette([value % 256 for value in range(0, 768 * 5, 5)])
    picture.save(path)


@pytest.mark.parametrize('value', [1, 255])
def test_palette_mask__is_read_by_its_indices(tmp_path, value):
    write(tmp_path / 'images' / 'a.png', IMAGE)
    write_palette(tmp_path / 'masks' / 'a.png', OBJECT * np.uint8(value))
    source = open_pairs(tmp_path)
    assert source[0].alpha.shape == (5, 6) and (source[0].alpha == 255).all()


def test_mask_of_one_bit__is_read(tmp_path):
    write(tmp_path / 'images' / 'a.png', IMAGE)
    (tmp_path / 'masks').mkdir()
    Image.fromarray(OBJECT > 0).save(tmp_path / 'masks' / 'a.png')
    assert open_pairs(tmp_path)[0].alpha.shape == (5, 6)


@pytest.mark.parametrize(('mask', 'values', 'unknown'), [
    (OBJECT * 38, [0, 38], [38]), (OBJECT * 2, [0, 2], [2]),
    (voc(), [0, 15, 255], [15]),
    (OBJECT * 127, [0, 127], [127]),
    (np.where(voc() == 15, 1, voc()), [0, 1, 255], [1]),
])
def test_value_without_meaning__is_refused_at_the_first_look(
        tmp_path, mask, values, unknown):
    with pytest.raises(ValueError) as error:
        open_mask(tmp_path, mask)
    for part in ('masks/a.png', f'holds the values {values}',
                 f'of which {unknown} have no meaning', '`object_values`',
                 '`void_values`', '`soft_masks=True`'):
        assert part in str(error.value)


def test_border__is_cut_off_where_it_is_void(tmp_path):
    source = open_mask(tmp_path, voc(), object_values=list(range(1, 21)),
                       void_values=255)
    np.testing.assert_array_equal(source[0].alpha, np.full((5, 6), 255))
    np.testing.assert_array_equal(source[0].image, IMAGE[3:8, 4:10])
    with pytest.raises(ValueError, match=r'of which \[15\] have no meaning: 0 '
                       r'is background and \(1, 2\) the object'):
        open_mask(tmp_path, voc(), object_values=[1, 2], void_values=255)


def test_inverted_mask__can_be_stated(tmp_path):
    source = open_mask(tmp_path, np.uint8(255) * (OBJECT == 0),
                       object_values=0, void_values=255)
    assert source[0].alpha.shape == (5, 6)


def test_soft_mask__is_alpha_on_request(tmp_path):
    soft = cv2.GaussianBlur(OBJECT * np.uint8(255), (3, 3), 0)
    with pytest.raises(ValueError, match='if grey values are alpha'):
        open_mask(tmp_path, soft)
    source = open_mask(tmp_path, soft, soft_masks=True)
    np.testing.assert_array_equal(source[0].alpha, soft[2:9, 3:11])


@pytest.mark.parametrize('form', ['mask', 'rgba'])
def test_alpha_below_one_half__is_no_object(tmp_path, form):
    if form == 'mask':
        source = open_mask(tmp_path, OBJECT * 100, soft_masks=True)
    else:
        write(tmp_path / 'a.png', np.dstack((IMAGE, OBJECT * 100)))
        source = FolderOutliers(str(tmp_path))
    with pytest.raises(BrokenImageError, match='a.png shows no object: its '
                       'mask is 100 at most, below half of 255'):
        source[0]


def test_later_mask_without_meaning__is_broken_and_named(tmp_path):
    write(tmp_path / 'images' / 'b.png', IMAGE)
    write(tmp_path / 'masks' / 'b.png', OBJECT * 38)
    source = open_mask(tmp_path, OBJECT)
    assert source[0].alpha.any()
    with pytest.raises(BrokenImageError, match=r'masks/b.png .*\[0, 38\]'):
        source[1]


@pytest.mark.parametrize(('options', 'message'), [
    (dict(object_values=256), r'`object_values` .* in \[0, 255\], got .256'),
    (dict(object_values=[1.5]), r'`object_values` .* got \[1.5\]'),
    (dict(object_values=True), '`object_values` .* got .True'),
    (dict(object_values=1, void_values=['a']), "`void_values` .* got .'a'."),
    (dict(soft_masks='no'), "`soft_masks` .* True or False, got 'no'"),
    (dict(void_values=255), '`void_values` .* needs `object_values`'),
    (dict(object_values=1, soft_masks=True), '`soft_masks` .* must stand'),
    (dict(object_values=[1, 2], void_values=[2]), r'must differ, .* \[2\]'),
])
def test_argument_that_means_nothing__is_refused(tmp_path, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        open_mask(tmp_path, OBJECT, **options)


@pytest.mark.parametrize('options', [
    dict(object_values=1), dict(soft_masks=True), dict(void_values=2)])
def test_value_of_masks__has_no_effect_without_masks(tmp_path, options):
    with pytest.raises(ValueError, match='has no effect without .*mask_path'):
        FolderOutliers(str(tmp_path), **options)


@pytest.mark.parametrize(('image', 'mask', 'options'), [
    ('cup/a.png', 'cup/a_mask.png', dict(mask_suffix='_mask.png')),
    ('a_rgb.png', 'a.png', dict(img_suffix='_rgb.png', mask_suffix='.png')),
    ('a_rgb.png', 'a.png', dict(img_suffix='_rgb.png')),
    ('a.JPG', 'a.png', dict(img_suffix='.jpg')),
    ('a.b.webp', 'a.b.PNG', {}), ('a.tar.jpeg', 'a.tar.png', {}),
])
def test_suffixes__take_the_place_of_each_other(
        tmp_path, image, mask, options):
    write(tmp_path / 'images' / image, IMAGE)
    write(tmp_path / 'masks' / mask, OBJECT)
    assert open_pairs(tmp_path, **options)[0].origin == dict(image=image)


def test_images_of_all_formats__are_taken(tmp_path, said):
    for name in ('a.png', 'b.PNG', 'c.webp', 'd.jpeg'):
        write(tmp_path / 'images' / name, IMAGE)
        write(tmp_path / 'masks' / f'{name[0]}.png', OBJECT)
    source = open_pairs(tmp_path)
    assert [source[row].origin['image'] for row in range(len(source))] == [
        'a.png', 'b.PNG', 'c.webp', 'd.jpeg']
    assert not said
    assert len(open_pairs(tmp_path, img_suffix='.png')) == 2
    assert any('2 images in' in line and 'first c.webp' in line
               for line in said)


def test_images_without_alpha__are_left_out_of_cutouts(tmp_path, said):
    write(tmp_path / 'a.jpg', IMAGE)
    write(tmp_path / 'b.PNG', np.full((4, 4, 4), 255, np.uint8))
    source = FolderOutliers(str(tmp_path))
    assert [source[0].origin, len(source)] == [dict(image='b.PNG'), 1]
    assert '1 images in' in said[0] and 'first a.jpg' in said[0]


@pytest.mark.parametrize('mask', [IMAGE, OBJECT.astype(np.uint16)])
def test_mask_of_other_channels__is_refused_at_the_first_look(tmp_path, mask):
    with pytest.raises(ValueError, match='masks/a.png must be one channel of '
                       '8 bit, got shape .*; convert colours'):
        open_mask(tmp_path, mask)


def test_images_and_masks_in_one_folder__are_kept_apart(tmp_path, said):
    write(tmp_path / 'a.png', IMAGE)
    write(tmp_path / 'a_mask.png', OBJECT)
    for options in (dict(), dict(img_suffix='.png')):
        source = FolderOutliers(
            str(tmp_path), data_prefix=dict(img_path='', mask_path=''),
            mask_suffix='_mask.png', **options)
        assert len(source) == 1 and source[0].alpha.shape == (5, 6)
    assert not said


def test_mask_without_image__is_warned_of(tmp_path, said):
    write(tmp_path / 'masks' / 'b.png', OBJECT)
    assert len(open_mask(tmp_path, OBJECT)) == 1
    assert said[0].startswith('1 masks in ') and 'first b.png' in said[0]


def test_two_images_of_one_mask__are_refused(tmp_path):
    write(tmp_path / 'images' / 'a.jpg', IMAGE)
    with pytest.raises(ValueError, match=r"\['a.jpg', 'a.png'\] in .*must be "
                       'one image and one mask'):
        open_mask(tmp_path, OBJECT)


@pytest.mark.parametrize('kind', ['image', 'mask'])
def test_link_to_nowhere__is_named_at_once(tmp_path, kind):
    open_mask(tmp_path, OBJECT)
    (tmp_path / f'{kind}s' / 'a.png').unlink()
    (tmp_path / f'{kind}s' / 'a.png').symlink_to(tmp_path / 'nowhere.png')
    with pytest.raises(FileNotFoundError, match=f'no {kind} .*{kind}s/a.png'):
        open_pairs(tmp_path)


def test_name_that_is_no_text__is_read(tmp_path):
    open_mask(tmp_path, OBJECT)
    for part in ('images', 'masks'):
        folder = os.fsencode(tmp_path / part)
        os.rename(folder + b'/a.png', folder + b'/\xff.png')  # noqa: PTH104
    assert open_pairs(tmp_path)[0].alpha.any()


def test_picture_beyond_the_limit_of_pillow__is_named(tmp_path, monkeypatch):
    source = open_mask(tmp_path, OBJECT)
    monkeypatch.setattr('PIL.Image.MAX_IMAGE_PIXELS', 20)
    with pytest.raises(BrokenImageError, match='images/a.png of .*bomb'):
        source[0]
