import numpy as np
import pytest
from mmseg.datasets import BaseSegDataset
from PIL import Image

from mmseg_anomaly.datasets import CamVidDataset
from mmseg_anomaly.datasets.non_empty_dataset import NonEmptyDataset
from mmseg_anomaly.datasets.pairs import unpaired_files, walk, why_no_file

PREFIX = dict(img_path='images', seg_map_path='labels')


@pytest.fixture
def folder(tmp_path):
    """Return a set of two pairs, one of them in a sub-folder."""
    for name in ('a', 'sub/b'):
        for part, suffix in (('images', 'jpg'), ('labels', 'png')):
            path = tmp_path / part / f'{name}.{suffix}'
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.zeros((4, 6), np.uint8)).save(path)
    return tmp_path


def build(folder, kind=CamVidDataset, **kwargs):
    return kind(data_root=str(folder), **{'data_prefix': PREFIX, **kwargs})


def link_to_nowhere(folder):
    (folder / 'images/x.jpg').symlink_to('nowhere.jpg')
    (folder / 'labels/x.png').touch()
    return r'images/x\.jpg is a link to nowhere'


def folder_called_like_an_image(folder):
    (folder / 'images/x.jpg').mkdir()
    return r'images/x\.jpg is a folder'


def label_without_image(folder):
    (folder / 'labels/sub/x.png').touch()
    return r'labels/sub/x\.png is a label without an image'


def image_without_label(folder):
    (folder / 'images/x.jpg').touch()
    return r'labels/x\.png is missing'


def link_to_no_label(folder):
    (folder / 'images/x.jpg').touch()
    (folder / 'labels/x.png').symlink_to('nowhere.png')
    return r'labels/x\.png is a link to nowhere'


def image_of_another_format(folder):
    (folder / 'images/x.webp').touch()
    return r"images/x\.webp is an image of another format than '\.jpg'"


def image_of_another_case(folder):
    (folder / 'images/x.JPG').touch()
    return r"images/x\.JPG is an image of another format than '\.jpg'"


def image_of_a_format_that_nobody_reads(folder):
    (folder / 'images/x.tif').touch()
    return r"images/x\.tif is an image of another format than '\.jpg'"


def label_without_image_behind_a_link(folder):
    (folder / 'elsewhere').mkdir()
    (folder / 'elsewhere/x.png').touch()
    (folder / 'labels/linked').symlink_to(folder / 'elsewhere')
    return r'labels/linked/x\.png is a label without an image'


MISTAKES = [link_to_nowhere, folder_called_like_an_image, label_without_image,
            image_without_label, link_to_no_label, image_of_another_format,
            image_of_another_case, image_of_a_format_that_nobody_reads,
            label_without_image_behind_a_link]


def test_pairs__are_all_there(folder):
    dataset = build(folder)
    assert len(dataset) == 2
    assert 'partial' not in dataset.metainfo


@pytest.mark.parametrize('mistake', MISTAKES, ids=lambda x: x.__name__)
def test_half_a_pair__is_refused_by_name(mistake, folder):
    message = mistake(folder)
    with pytest.raises(ValueError, match=rf'CamVidDataset: \d files? .*'
                       f'{message}.*`allow_unpaired=True`'):
        build(folder)


@pytest.mark.parametrize('mistake', MISTAKES, ids=lambda x: x.__name__)
def test_half_a_pair__is_left_out_on_request(mistake, folder, caplog):
    mistake(folder)
    dataset = build(folder, allow_unpaired=True)
    assert len(dataset) == 2
    assert 'no pairs' in dataset.metainfo['partial']


@pytest.mark.parametrize('mistake', MISTAKES, ids=lambda x: x.__name__)
def test_half_a_pair__is_found_in_sets_of_mmseg(mistake, folder):
    mistake(folder)
    dataset = build(folder, BaseSegDataset)
    infos = [dataset.get_data_info(index) for index in range(len(dataset))]
    assert unpaired_files(dataset, infos)


def test_link_to_its_own_folder__is_not_followed(folder):
    (folder / 'labels/sub/circle').symlink_to(folder / 'labels')
    assert len(build(folder)) == 2
    found = {str(part) for part, _, _ in walk(folder / 'labels')}
    assert found == {f'{folder}/labels', f'{folder}/labels/sub'}


def test_many_mistakes__are_counted(folder):
    for number in range(8):
        (folder / f'labels/{number}.png').touch()
    with pytest.raises(ValueError, match='8 files .* and 3 more'):
        build(folder)


def test_formats__may_be_mixed_where_all_are_asked_for(folder):
    for part, suffix in (('images', 'webp'), ('labels', 'png')):
        Image.new('L', (6, 4)).save(folder / part / f'c.{suffix}')
    names = [info['img_path'][-5:] for info in build(
        folder, img_suffix=('.jpg', '.webp'))]
    assert names == ['a.jpg', '.webp', 'b.jpg']
    Image.new('L', (6, 4)).save(folder / 'images/a.webp')
    with pytest.raises(ValueError, match=r'a\.jpg and .*a\.webp share the '
                       r'label .*a\.png'):
        build(folder, img_suffix=('.jpg', '.webp'))


def test_images_and_labels__in_one_folder(folder):
    for path in (folder / 'labels').rglob('*.png'):
        path.rename(folder / 'images' / path.relative_to(folder / 'labels'))
    prefix = dict(img_path='images', seg_map_path='images')
    assert len(build(folder, data_prefix=prefix)) == 2
    (folder / 'images/x.png').touch()
    with pytest.raises(ValueError, match=r'x\.png is a label without'):
        build(folder, data_prefix=prefix)


def test_images_alone__need_no_label(folder):
    prefix = dict(img_path='images')
    assert len(build(folder, NonEmptyDataset, data_prefix=prefix)) == 2


def test_list__decides_and_must_be_right(folder):
    (folder / 'labels/unlisted.png').touch()
    (folder / 'list.txt').write_text('a\nsub/b\n')
    assert len(build(folder, ann_file='list.txt')) == 2
    Image.new('L', (6, 4)).save(folder / 'images/unlisted.webp')
    (folder / 'list.txt').write_text('a\nunlisted\n')
    names = [info['img_path'][-5:] for info in build(
        folder, ann_file='list.txt', img_suffix=('.jpg', '.webp'))]
    assert names == ['a.jpg', '.webp']


@pytest.mark.parametrize('name', ['../other/a', '/etc/passwd', 'a/../../b'])
def test_list__names_nothing_outside(folder, name):
    (folder / 'list.txt').write_text(f'a\n{name}\n')
    with pytest.raises(ValueError, match=r'line 2 of .*list.txt names .*not '
                       'inside .*images; .*allow_outside=True'):
        build(folder, ann_file='list.txt')
    with pytest.raises(FileNotFoundError, match='line 2 of'):
        build(folder, ann_file='list.txt', allow_outside=True)


def test_why_no_file__is_empty_for_files(folder):
    assert why_no_file(folder / 'images/a.jpg') == ''
