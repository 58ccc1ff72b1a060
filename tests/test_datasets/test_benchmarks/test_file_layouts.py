"""Frames are listed alike on every file system."""
from pathlib import Path

import pytest

from mmseg_anomaly.datasets.benchmarks.file_layouts import (
    Frame,
    Layout,
    Split,
    list_files,
    list_frames,
    select_frames,
    unpaired_files,
)


def frames(*names):
    return [Frame(f'scene/{name}', Path(name), Path(name)) for name in names]


def names(selected):
    return [frame.name for frame in selected]


def test_select__by_the_beginning_of_names():
    split = Split(None, name_prefix='val_',
                  excluded_prefixes=('val_2', 'val_31'))
    found = select_frames(
        frames('cow_1', 'val_1', 'val_2', 'val_25', 'val_3', 'val_311'), split)
    assert names(found) == ['val_1', 'val_3']


@pytest.mark.parametrize('num_listed, expected', [
    (3, ['a', 'c']), (4, ['a', 'b', 'c']), (2, ['a', 'b', 'c'])])
def test_select__positions_need_the_whole_list(num_listed, expected):
    split = Split(None, excluded_positions=(1, ), num_listed=num_listed)
    assert names(select_frames(frames('a', 'b', 'c'), split)) == expected


def test_list_frames__fills_in_the_folders_of_the_split(tmp_path):
    layout = Layout('{part}/images', '{part}/labels', '_ids.png',
                    image_suffix='_left', has_scenes=True)
    split = Split(1, folders=(('part', 'val'), ))
    for name in ('val/images/s/a_left.png', 'val/images/s/a_right.png',
                 'val/images/b_left.png', 'train/images/s/c_left.png'):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert list_frames(tmp_path, layout, split) == [
        Frame('s/a', tmp_path / 'val/images/s/a_left.png',
              tmp_path / 'val/labels/s/a_ids.png')]


def test_list_files__sorts_by_name_then_scene(tmp_path):
    for name in ('z/1', 'a/2', 'b/1'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f'{name}.png').touch()
    assert list(list_files(tmp_path, ('.png', ), has_scenes=True)) == [
        'b/1', 'z/1', 'a/2']


def test_list_files__same_frame_twice(tmp_path):
    for suffix in ('.png', '.webp'):
        (tmp_path / f'a{suffix}').touch()
    with pytest.raises(ValueError, match=r'a\.png and .*a\.webp are one frame'
                       ' twice'):
        list_files(tmp_path, ('.png', '.webp'))


def test_list_files__missing_folder_is_empty(tmp_path):
    assert list_files(tmp_path / 'nowhere', ('.png', )) == {}


def test_describe__shows_both_patterns():
    layout = Layout('{part}/images', '{part}/labels', '_ids.png',
                    image_suffix='_left', has_scenes=True)
    assert layout.describe(Split(1, folders=(('part', 'val'), ))) == (
        'val/images/*/*_left.{png,jpg,jpeg,webp} with val/labels/*/*_ids.png')


def test_unpaired_files__of_the_split_alone(tmp_path):
    layout = Layout('images', 'labels', '_ids.png', has_scenes=True)
    split = Split(None, name_prefix='val_')
    for name in ('images/s/val_1.png', 'labels/s/val_1_ids.png',
                 'labels/s/val_2_ids.png', 'labels/s/train_ids.png',
                 'labels/s/val_3_color.png', 'images/s/val_4.png/x'):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / 'images/s/val_5.jpg').symlink_to('nowhere')
    listed = list_frames(tmp_path, layout, split)
    folder = f'{tmp_path}/images/s'
    broken = [f'{folder}/val_4.png is a folder',
              f'{folder}/val_5.jpg is a link to nowhere']
    assert unpaired_files(tmp_path, layout, split, listed) == [
        *broken, f'{tmp_path}/labels/s/val_2_ids.png is a label without an '
        'image']
    assert unpaired_files(tmp_path, layout, split, listed,
                          with_labels=False) == broken
