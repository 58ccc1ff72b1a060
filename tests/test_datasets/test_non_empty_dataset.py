import pytest

from mmseg_anomaly.datasets import CamVidDataset, SyntheticRoadsDataset

PREFIX = dict(img_path='images/train', seg_map_path='labels/train')


@pytest.mark.parametrize('dataset, suffix', [(CamVidDataset, 'jpg'),
                                             (SyntheticRoadsDataset, 'png')])
def test_folder_without_images__is_named(tmp_path, dataset, suffix):
    folder = tmp_path / 'images' / 'train'
    folder.mkdir(parents=True)
    (folder / 'a.tif').write_bytes(b'')
    with pytest.raises(ValueError, match=rf'{dataset.__name__} finds no image '
                       rf'\*\.{suffix} in .*images/train; check'):
        dataset(data_root=str(tmp_path), data_prefix=PREFIX)


def test_list_without_images__is_named(tmp_path):
    (tmp_path / 'train.txt').write_text('')
    with pytest.raises(ValueError, match=r'no image .* in .*train\.txt; '):
        CamVidDataset(ann_file='train.txt', data_root=str(tmp_path),
                      data_prefix=PREFIX)


def test_missing_folder__is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='images/train'):
        CamVidDataset(data_root=str(tmp_path), data_prefix=PREFIX)
