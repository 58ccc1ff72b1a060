"""Fishyscapes: labels without images, and three versions of Static."""
import json

import pytest

from mmseg_anomaly.datasets.benchmarks.fishyscapes import VERSION_FILE
from mmseg_anomaly.file_hash import sha256_of

LAF, STATIC = 'FishyscapesLostAndFoundDataset', 'FishyscapesStaticDataset'
FRAME = '04_Maurener_Weg_8_00000{}_0000{:02}'
LABELS = dict(official='labels/{number:04}_{frame}_labels.png',
              smiyc='labels/labels/val/{frame}_fishy-labels.png')


def write_labels_and_images(write_frame, layout, count=100):
    for number in range(count):
        part = 'train' if number < 60 else 'test'
        frame = FRAME.format(number // 60, number % 60)
        write_frame(
            f'laf/leftImg8bit/{part}/04_Maurener_Weg_8/'
            f'{frame}_leftImg8bit.png',
            LABELS[layout].format(number=number, frame=frame))


@pytest.mark.parametrize('layout', LABELS)
def test_labels_alone__find_images_by_frame_id(write_frame, build, tmp_path,
                                               layout):
    write_labels_and_images(write_frame, layout)
    dataset = build(LAF, 'labels', image_root=str(tmp_path / 'laf'))
    assert len(dataset) == 100
    assert dataset.metainfo['layout'] == layout
    first, last = dataset.get_data_info(0), dataset.get_data_info(99)
    assert first['frame_id'] == '04_Maurener_Weg_8_000000_000000'
    assert first['img_path'].endswith(f'{first["frame_id"]}_leftImg8bit.png')
    assert first['frame_id'] in first['seg_map_path']
    assert first['heatmap_folder'] == 'LostAndFound-train'
    assert last['heatmap_folder'] == 'LostAndFound-test'
    assert dataset[99]['gt_seg_map'].tolist() == [[253, 254, 255, 253]]


def test_labels_alone__need_the_images(write_frame, build):
    write_labels_and_images(write_frame, 'official', count=1)
    with pytest.raises(FileNotFoundError, match='image of 04_Maurener_Weg_8_'
                       '000000_000000 is not below .*; set `image_root`'):
        build(LAF, 'labels')


@pytest.mark.parametrize('name, count, suffix', [(LAF, 100, '.png'),
                                                 (STATIC, 30, '.jpg')])
def test_course_layout__has_its_own_images(write_frame, build, name, count,
                                           suffix):
    for index in range(count):
        write_frame(f'images/{index}{suffix}', f'labels_masks/{index}.png')
    dataset = build(name)
    assert len(dataset) == count
    assert dataset[0]['gt_seg_map'].tolist() == [[253, 254, 255, 253]]


@pytest.fixture
def static(write_frame, tmp_path):
    """Thirty converted images of version 3, and their record."""
    for index in range(30):
        write_frame(f'images/{index:04}_a.png', f'labels_masks/{index:04}_a'
                    '.png')
    record = dict(version='v3', sha256={
        path.name: sha256_of(path)
        for path in (tmp_path / 'images').iterdir()})
    (tmp_path / VERSION_FILE).write_text(json.dumps(record))
    return tmp_path


def test_static__says_which_version_it_found(static, build):
    assert build(STATIC).metainfo['version'] == 'v3'
    assert build(STATIC, version='v3').metainfo['version'] == 'v3'


def test_static__is_another_version_than_asked_for(static, build):
    with pytest.raises(ValueError, match=r"Static v3, got `version='v1'`"):
        build(STATIC, version='v1')


def test_static__refuses_a_mixture(static, build, write_frame):
    write_frame('images/0007_a.png', None, [[0] * 5])  # of another version
    with pytest.raises(ValueError, match=r'1 images, first .*0007_a\.png, are '
                       'not those of version v3'):
        build(STATIC)


def test_static__without_a_record_is_unknown(static, build, capsys):
    (static / VERSION_FILE).unlink()
    assert build(STATIC).metainfo['version'] == 'unknown'
    assert build(STATIC, version='v2').metainfo['version'] == 'v2'


def test_static__refuses_an_unknown_version(build):
    with pytest.raises(ValueError, match=r"\['v1', 'v2', 'v3'\], got '3'"):
        build(STATIC, version='3')


@pytest.mark.parametrize('folder', ['', 'fs_val_v2/'])
def test_static__points_the_release_to_the_converter(tmp_path, build, folder):
    (tmp_path / folder).mkdir(exist_ok=True)
    (tmp_path / folder / '0000_frankfurt_000001_046504_rgb.npz').touch()
    with pytest.raises(FileNotFoundError, match='differences to Cityscapes; '
                       r'turn .* by tools/.*/fishyscapes_static\.py'):
        build(STATIC)


def test_two_labels_of_one_image__are_refused(write_frame, build, tmp_path):
    write_labels_and_images(write_frame, 'official')
    label, = (tmp_path / 'labels').glob('0007_*_labels.png')
    label.with_name(f'0100{label.name[4:]}').write_bytes(label.read_bytes())
    with pytest.raises(ValueError, match='0007_.* and .*0100_.*_labels.png '
                       'are labels of one image'):
        build(LAF, 'labels', image_root=str(tmp_path / 'laf'))


@pytest.mark.parametrize(('content', 'message'), [
    ('', 'could not be read as JSON'), ('null', 'must hold a dict'),
    ('{"version": "v2"}', r"has no \['sha256'\]"),
    ('{"version": null, "sha256": {}}', 'must have `version` as str'),
])
def test_damaged_record__is_named(static, build, content, message):
    (static / VERSION_FILE).write_text(content)
    with pytest.raises(ValueError, match=f'{VERSION_FILE} {message}.*; '
                       'convert the set again'):
        build(STATIC)
