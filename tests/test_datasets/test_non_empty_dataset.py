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


@pytest.fixture
def listed(tmp_path):
    """Return a function that opens a list of two images, a and b."""
    for name in ('images/train/a.jpg', 'images/train/b.jpg',
                 'labels/train/a.png', 'labels/train/b.png'):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b'')

    def open_list(content, **options):
        (tmp_path / 'train.txt').write_bytes(content)
        return CamVidDataset(ann_file='train.txt', data_root=str(tmp_path),
                             data_prefix=PREFIX, **options)

    return open_list


@pytest.mark.parametrize('content', [
    b'a\nb\n', b'a.jpg\nb.jpg', b' a\n\n b ',
    b'\xef\xbb\xbfa\r\n\r\nb\r\n\r\n',
])
def test_list__may_have_blank_lines_and_extensions(listed, content):
    dataset = listed(content)
    assert [info['img_path'][-5:] for info in map(
        dataset.get_data_info, range(len(dataset)))] == ['a.jpg', 'b.jpg']
    assert dataset.get_data_info(1)['seg_map_path'].endswith(
        'labels/train/b.png')


@pytest.mark.parametrize(('content', 'message'), [
    (b'a\n\nc\n', 'line 3 of .*train.txt asks for .*c.jpg, which is missing'),
    (b'a.png\n', r'line 1 of .*train.txt asks for .*a\.png\.jpg'),
    (b'a.jpg a.png\n', 'line 1 of .*train.txt asks for'),
])
def test_listed_file_that_is_missing__is_named_when_built(
        listed, content, message):
    with pytest.raises(FileNotFoundError, match=message):
        listed(content)


def test_label_of_a_list_that_is_missing__is_named_when_built(
        listed, tmp_path):
    (tmp_path / 'labels/train/b.png').unlink()
    with pytest.raises(FileNotFoundError, match='line 2 .*labels/train/b.png'):
        listed(b'a\nb')


@pytest.mark.parametrize('name', ['./a', 'b/../a', 'a.jpg'])
def test_image_that_is_listed_by_two_spellings__is_refused(listed, name):
    with pytest.raises(ValueError, match='lines 1 and 2 of .* count twice'):
        listed(f'a\n{name}\n'.encode(), test_mode=True)


def test_image_that_is_listed_twice__is_refused_for_testing(listed):
    assert len(listed(b'a\nb\na.jpg')) == 3
    with pytest.raises(ValueError, match="lines 1 and 3 of .* name 'a'"):
        listed(b'a\nb\na.jpg', test_mode=True)


def test_list_that_is_no_text__is_named(listed):
    with pytest.raises(ValueError, match='train.txt is no UTF-8 .* line 2'):
        listed(b'a\n\xff\n')


def test_missing_list__is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='no list .*train.txt; check'):
        CamVidDataset(ann_file='train.txt', data_root=str(tmp_path),
                      data_prefix=PREFIX)


def test_list_that_leaves_its_folder__is_refused_unless_allowed(
        listed, tmp_path):
    (tmp_path / 'images' / 'c.jpg').write_bytes(b'')
    (tmp_path / 'labels' / 'c.png').write_bytes(b'')
    with pytest.raises(ValueError, match=r"train.txt names '../c.jpg', which "
                       'is not inside .*`allow_outside=True`'):
        listed(b'a\n../c')
    assert len(listed(b'a\n../c', allow_outside=True)) == 2
