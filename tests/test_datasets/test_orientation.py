"""Pictures with labels are read as stored, whatever EXIF says."""
import json

import mmcv
import numpy as np
import pytest
from mmengine.registry import DefaultScope
from mmseg.registry import TRANSFORMS
from PIL import Image

from mmseg_anomaly.datasets import CamVidDataset
from mmseg_anomaly.datasets.orientation import orientation, orientation_note
from mmseg_anomaly.datasets.outliers import CocoOutliers, FolderOutliers
from mmseg_anomaly.datasets.sample_audit import audit_sample

TAG = 0x0112
PREFIX = dict(img_path='images', seg_map_path='labels')
LOADERS = [dict(), dict(imdecode_backend='pillow'),
           dict(color_type='grayscale'), dict(color_type='unchanged')]


def save(path, value, size_wh=(64, 32)):
    """Write a picture, white at the top left, displayed by ``value``."""
    pixels = np.zeros((*size_wh[::-1], 3), np.uint8)
    pixels[:16, :16] = 255
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[TAG] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, exif=exif)
    return path


def content(path, value):
    return save(path, value).read_bytes()


@pytest.mark.parametrize('suffix', ['jpg', 'png', 'webp', 'tif'])
@pytest.mark.parametrize('value', range(1, 9))
def test_orientation__of_every_format(suffix, value, tmp_path):
    assert orientation(content(tmp_path / f'a.{suffix}', value)) == value


@pytest.mark.parametrize('value', [0, 9, 999])
def test_orientation__that_means_nothing(value, tmp_path):
    assert orientation(content(tmp_path / 'a.jpg', value)) == 1
    assert orientation_note(b'\xff\xd8 Exif of a file that is cut off') == ''


def make_set(folder, value, size_wh=(64, 32)):
    save(folder / 'images/a.jpg', value, size_wh)
    label = np.full((32, 64), 11, np.uint8)
    label[:16, :16] = 3
    (folder / 'labels').mkdir()
    Image.fromarray(label).save(folder / 'labels/a.png')


def load(folder, **loader):
    with DefaultScope.overwrite_default_scope('mmseg'):
        return CamVidDataset(
            data_root=str(folder), data_prefix=PREFIX, pipeline=[
                dict(type='LoadImageFromFile', **loader),
                dict(type='LoadCheckedAnnotations', num_classes=11)])[0]


@pytest.mark.parametrize('value', [1, 2, 3, 6])
@pytest.mark.parametrize('loader', LOADERS, ids=str)
def test_dataset__image_and_label_agree(value, loader, tmp_path):
    make_set(tmp_path, value)
    sample = load(tmp_path, **loader)
    white = sample['img'].reshape(32, 64, -1).min(axis=2) > 128
    np.testing.assert_array_equal(white, sample['gt_seg_map'] == 3)


@pytest.mark.parametrize(('value', 'count'), [(1, 0), (3, 1), (6, 1)])
def test_dataset__names_the_file_once(value, count, tmp_path, log):
    make_set(tmp_path, value)
    with DefaultScope.overwrite_default_scope('mmseg'):
        loader = TRANSFORMS.build(dict(type='LoadImageFromFile'))
        info = dict(img_path=str(tmp_path / 'images/a.jpg'),
                    reduce_zero_label=False)
        for _ in range(3):
            loader(dict(info))
    assert ''.join(log).count(f'a.jpg: its EXIF orientation {value}') == count


def test_inference__shows_a_picture_as_displayed(tmp_path):
    path = save(tmp_path / 'a.jpg', 6)
    with DefaultScope.overwrite_default_scope('mmseg'):
        loader = TRANSFORMS.build(dict(type='LoadImageFromFile'))
    found = loader(dict(img_path=str(path)))['img']
    np.testing.assert_array_equal(found, mmcv.imread(str(path)))
    assert found.shape == (64, 32, 3)


def test_label_of_the_displayed_picture__says_why_it_does_not_fit(tmp_path):
    make_set(tmp_path, 6, size_wh=(32, 64))
    with pytest.raises(ValueError, match=r'must be equal; its EXIF '
                       r'orientation 6 .*turned by 90 degrees.*mogrify'):
        load(tmp_path)


@pytest.mark.parametrize('value', [1, 3, 6])
def test_audit__doubts_a_file_whose_tag_matters(value, tmp_path):
    make_set(tmp_path, value)
    doubts = audit_sample(dict(
        img_path=str(tmp_path / 'images/a.jpg'), label_map={11: 255},
        seg_map_path=str(tmp_path / 'labels/a.png')), 11).doubts
    assert [f'a.jpg: its EXIF orientation {value}' in doubt
            for doubt in doubts] == [True] * (value != 1)


def coco(folder, height, width):
    box = [2, 2, 12, 12]
    (folder / 'a.json').write_text(json.dumps(dict(
        images=[dict(id=1, file_name='a.jpg', height=height, width=width)],
        categories=[dict(id=1, name='toy')],
        annotations=[dict(
            id=1, image_id=1, category_id=1, iscrowd=0, area=144, bbox=box,
            segmentation=[[2, 2, 14, 2, 14, 14, 2, 14]])])))
    return CocoOutliers('a.json', str(folder), min_area=1,
                        cache_dir=str(folder / 'cache'))


def test_coco__cuts_out_stored_pixels(tmp_path, log):
    save(tmp_path / 'a.jpg', 3)
    cutout = coco(tmp_path, 32, 64)[0]
    assert cutout.image[cutout.alpha > 0].min() > 128
    assert 'a.jpg: its EXIF orientation 3' in ''.join(log)


def test_coco__says_why_sizes_differ(tmp_path):
    save(tmp_path / 'a.jpg', 6)
    with pytest.raises(ValueError, match='masks do not fit; its EXIF '
                       'orientation 6'):
        coco(tmp_path, 64, 32)[0]


def test_folder__cuts_out_stored_pixels(tmp_path, log):
    save(tmp_path / 'images/a.jpg', 3)
    mask = np.zeros((32, 64), np.uint8)
    mask[:16, :16] = 255
    (tmp_path / 'masks').mkdir()
    Image.fromarray(mask).save(tmp_path / 'masks/a.png')
    source = FolderOutliers(str(tmp_path), data_prefix=dict(
        img_path='images', mask_path='masks'), img_suffix='.jpg')
    cutout = source[0]
    assert cutout.image[cutout.alpha > 0].min() > 128
    assert 'a.jpg: its EXIF orientation 3' in ''.join(log)
