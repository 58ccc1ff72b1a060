"""Label maps are checked when they are loaded."""
import numpy as np
import pytest
from mmseg.registry import TRANSFORMS
from PIL import Image

import mmseg_anomaly  # noqa: F401


def _load(path, num_classes=3, **extra):
    transform = TRANSFORMS.build(
        dict(type='LoadCheckedAnnotations', num_classes=num_classes))
    return transform(
        dict(
            seg_map_path=str(path),
            img_path='image.png',
            seg_fields=[],
            reduce_zero_label=False,
            **extra))


def _write(path, label):
    Image.fromarray(np.asarray(label)).save(path)
    return path


def test_load__classes_and_reserved_ids_pass(tmp_path):
    label = np.uint8([[0, 1, 2], [253, 254, 255]])
    results = _load(_write(tmp_path / 'a.png', label))
    assert results['gt_seg_map'].tolist() == label.tolist()
    assert results['gt_seg_map'].dtype == np.uint8
    assert results['seg_fields'] == ['gt_seg_map']


def test_load__all_void_image_passes(tmp_path):
    results = _load(_write(tmp_path / 'a.png', np.full((2, 2), 255, 'u1')))
    assert (results['gt_seg_map'] == 255).all()


def test_load__unknown_id_names_file_and_id(tmp_path):
    path = _write(tmp_path / 'bad.png', np.uint8([[0, 3, 77]]))
    with pytest.raises(ValueError, match=r'bad\.png holds the ids \[3, 77\]'):
        _load(path)


def test_load__label_map_applies_before_the_check(tmp_path):
    path = _write(tmp_path / 'a.png', np.uint8([[0, 7, 1]]))
    results = _load(path, label_map={7: 255, 0: 1, 1: 0})
    assert results['gt_seg_map'].tolist() == [[1, 255, 0]]


def test_load__id_mapped_out_of_the_classes_is_named_as_stored(tmp_path):
    path = _write(tmp_path / 'a.png', np.uint8([[0, 1]]))
    with pytest.raises(ValueError, match=r'holds the ids \[1\]'):
        _load(path, label_map={1: 9})


def test_load__complete_label_map_refuses_other_ids(tmp_path):
    path = _write(tmp_path / 'a.png', np.uint8([[0, 1, 254]]))
    label_map = {0: 253, 1: 254}
    with pytest.raises(ValueError, match=r'a\.png holds the ids \[254\], its '
                       r'dataset knows \[0, 1\] only'):
        _load(path, label_map=label_map, label_map_is_complete=True)
    assert _load(path, label_map=label_map)['gt_seg_map'].tolist() == [
        [253, 254, 254]]


def test_load__image_without_a_label_is_named():
    transform = TRANSFORMS.build(
        dict(type='LoadCheckedAnnotations', num_classes=3))
    with pytest.raises(KeyError, match=r'a\.png comes without `seg_map_path`'):
        transform(dict(img_path='a.png', reduce_zero_label=False))


def test_load__palette_files_give_indices(tmp_path):
    image = Image.fromarray(np.uint8([[0, 2]]), mode='P')
    image.putpalette([10, 20, 30] * 256)
    image.save(tmp_path / 'p.png')
    assert _load(tmp_path / 'p.png')['gt_seg_map'].tolist() == [[0, 2]]


def test_load__colour_mask_is_refused(tmp_path):
    path = _write(tmp_path / 'colour.png', np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(ValueError, match=r'colour\.png must be one channel'):
        _load(path)


def test_load__sixteen_bit_ids_do_not_wrap(tmp_path):
    path = _write(tmp_path / 'deep.png', np.uint16([[256, 0]]))
    with pytest.raises(ValueError, match=r'deep\.png must be one channel of '
                       '8 bit'):
        _load(path)


def test_load__one_row_stays_two_dimensional(tmp_path):
    path = _write(tmp_path / 'row.png', np.uint8([[0, 1, 2]]))
    assert _load(path)['gt_seg_map'].shape == (1, 3)


def test_load__size_differs_from_the_image(tmp_path):
    path = _write(tmp_path / 'a.png', np.zeros((2, 3), np.uint8))
    with pytest.raises(ValueError, match=r'is \(2, 3\) .* is \(3, 2\)'):
        _load(path, ori_shape=(3, 2))


def test_load__reduce_zero_label_is_refused(tmp_path):
    path = _write(tmp_path / 'a.png', np.zeros((2, 2), np.uint8))
    transform = TRANSFORMS.build(
        dict(type='LoadCheckedAnnotations', num_classes=3))
    with pytest.raises(ValueError, match='`reduce_zero_label=True` would'):
        transform(
            dict(
                seg_map_path=str(path), seg_fields=[],
                reduce_zero_label=True))


@pytest.mark.parametrize('num_classes', [0, 254])
def test_load__classes_must_stay_below_the_reserved_ids(num_classes):
    with pytest.raises(ValueError, match=rf'\[1, 253\].*got {num_classes}'):
        TRANSFORMS.build(
            dict(type='LoadCheckedAnnotations', num_classes=num_classes))


def test_load__missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'nowhere\.png'):
        _load(tmp_path / 'nowhere.png')


@pytest.mark.parametrize('kept', [0, 8, 40, 90])
def test_load__corrupt_file_is_named(tmp_path, kept):
    noise = np.random.default_rng(0).integers(3, size=(20, 20), dtype='u1')
    path = _write(tmp_path / 'cut.png', noise)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match=rf'cut\.png of {kept} bytes cannot '
                       'be decoded'):
        _load(path)
