"""What holds for every benchmark, on RoadAnomaly21's layouts."""
import numpy as np
import pytest
from mmseg.registry import DATASETS
from PIL import Image

from mmseg_anomaly.datasets.benchmarks.anomaly_dataset import AnomalyDataset

NAME = 'RoadAnomaly21Dataset'
SETS = ['FishyscapesLostAndFoundDataset', 'FishyscapesStaticDataset',
        'LostAndFoundDataset', 'RoadAnomaly21Dataset', 'RoadAnomalyDataset',
        'RoadObstacle21Dataset', 'StreetHazardsDataset']


@pytest.fixture
def write_course(write_frame):
    """Return a function that writes images in the 'validation' layout."""

    def write(count, folder='', suffix='.png', **kwargs):
        for index in range(count):
            write_frame(f'{folder}images/{index}{suffix}',
                        f'{folder}labels_masks/{index}.png', **kwargs)

    return write


def test_dataset__gives_the_stored_convention(write_course, build):
    write_course(10)
    dataset = build(NAME, test_mode=True)
    assert len(dataset) == 10
    assert [item['gt_seg_map'].tolist() for item in dataset] == [
        [[253, 254, 255, 253]]] * 10
    assert dataset.metainfo['classes'] == ()
    assert dataset.metainfo['partial'] == ''
    assert dataset.metainfo['layout'] == 'validation'


def test_frame_id__is_the_stem_beside_the_path(write_course, build, tmp_path):
    write_course(10)
    info = build(NAME).get_data_info(3)
    assert info['frame_id'] == '3'
    assert info['img_path'] == str(tmp_path / 'images' / '3.png')
    assert 'heatmap_folder' not in info  # plain names mean nothing to SMIYC


@pytest.mark.parametrize('suffix', ['.png', '.jpg', '.webp', '.JPG'])
def test_images__of_every_usual_format(write_course, build, suffix):
    write_course(10, suffix=suffix)
    assert build(NAME)[9]['img'].shape == (1, 4, 3)


@pytest.mark.parametrize('folder', [
    'RoadAnomaly/LostAndFound/', 'FS_LostAndFound_full/', 'fs_static/',
    'RoadObsticle21/', 'StreetHazards/train/'])
def test_folder_names__do_not_change_the_labels(write_course, build, folder):
    write_course(10, folder=folder)
    label = build(NAME, folder)[0]['gt_seg_map']
    assert label.tolist() == [[253, 254, 255, 253]]


@pytest.mark.parametrize('count', [9, 11])
def test_length__differs_from_the_expected(write_course, build, count,
                                           tmp_path):
    write_course(count)
    with pytest.raises(ValueError, match=f'in {tmp_path}: .*has 10 images, '
                       f'found {count}; complete .* `allow_partial=True`'):
        build(NAME)


def test_part_of_a_set__is_allowed_and_says_so(write_course, build, caplog):
    write_course(3)
    dataset = build(NAME, allow_partial=True)
    assert len(dataset) == 3
    assert dataset.metainfo['partial'] == (
        "split 'validation' has 10 images, found 3")


def test_indices__make_a_set_partial(write_course, build):
    write_course(10)
    dataset = build(NAME, indices=2)
    assert len(dataset) == 2
    assert dataset.metainfo['partial'] == '`indices=2` takes a part of them'


def test_missing_label__is_named(write_course, build, tmp_path):
    write_course(10)
    (tmp_path / 'labels_masks' / '4.png').unlink()
    with pytest.raises(FileNotFoundError, match='1 of 10 images have no label'
                       r', first .*images/4\.png, .*labels_masks/4\.png'):
        build(NAME)


def test_missing_label__may_be_listed_but_not_loaded(
        write_course, build, tmp_path):
    write_course(10)
    path = tmp_path / 'labels_masks' / '4.png'
    path.unlink()
    dataset = build(NAME, allow_unlabelled=True)
    assert dataset.get_data_info(4)['seg_map_path'] == str(path)
    with pytest.raises(FileNotFoundError, match=r'labels_masks/4\.png'):
        dataset[4]


def test_one_frame_in_two_formats__is_refused(write_course, build, tmp_path):
    write_course(10)
    Image.new('RGB', (4, 1)).save(tmp_path / 'images' / '4.jpg')
    with pytest.raises(ValueError, match=r'4\.jpg and .*4\.png are one frame'):
        build(NAME)


@pytest.mark.parametrize(('place', 'message'), [
    ('images/4.png', 'images/4.png is a (folder|link to nowhere)'),
    ('labels_masks/x.png', 'labels_masks/x.png is a label without an image')])
@pytest.mark.parametrize('link', [False, True])
def test_half_a_pair__is_named(write_course, build, tmp_path, place, message,
                               link):
    write_course(10)
    path = tmp_path / place
    path.unlink(missing_ok=True)
    path.symlink_to('nowhere') if link else path.mkdir()
    with pytest.raises(ValueError, match=f'1 files are no pairs: .*{message}'):
        build(NAME)
    partial = build(NAME, allow_partial=True)
    assert place in partial.metainfo['partial']
    assert len(partial) == (9 if 'images' in place else 10)


def test_hidden_files__are_no_images(write_course, build, tmp_path):
    write_course(10)
    (tmp_path / 'images' / '._4.png').write_bytes(b'left by another system')
    assert len(build(NAME)) == 10


@pytest.mark.parametrize('name', SETS)
def test_empty_folder__names_every_layout(build, name, tmp_path):
    dataset = DATASETS.get(name)
    with pytest.raises(FileNotFoundError, match='looked for .*; check `data_'
                       'root`') as error:
        build(name)
    layout, split = (next(iter(x.values()))
                     for x in (dataset.LAYOUTS, dataset.SPLITS))
    assert layout.describe(split) in str(error.value)
    assert str(tmp_path) in str(error.value)


def test_two_layouts__ask_for_a_choice(write_frame, build):
    for layout in ('{}.png', '{}_labels_semantic.png'):
        for index in range(10):
            name = f'validation{index:04}'
            write_frame(f'images/{name}.png',
                        f'labels_masks/{layout.format(name)}')
    with pytest.raises(ValueError, match=r"\['official', 'validation'\] of "
                       'RoadAnomaly21Dataset; choose one by `layout`'):
        build(NAME)
    assert build(NAME, layout='official').metainfo['layout'] == 'official'


@pytest.mark.parametrize('raw_id', [2, 3, 253, 254])
def test_raw_id_outside_the_map__is_named(write_course, build, raw_id):
    write_course(10, values=[[0, 1, raw_id]])
    with pytest.raises(ValueError, match=r'labels_masks/0\.png holds the ids '
                       rf'\[{raw_id}\], its dataset knows \[  0,   1, 255\]'):
        build(NAME)[0]


def test_palette_file__gives_its_indices(write_course, build, tmp_path):
    write_course(10)
    label = Image.fromarray(np.uint8([[0, 1, 255]]), mode='P')
    label.putpalette([7, 8, 9] * 256)
    label.save(tmp_path / 'labels_masks' / '0.png')
    Image.new('RGB', (3, 1)).save(tmp_path / 'images' / '0.png')
    assert build(NAME)[0]['gt_seg_map'].tolist() == [[253, 254, 255]]


def test_colour_mask__is_refused(write_course, build, tmp_path):
    write_course(10)
    Image.new('RGB', (4, 1)).save(tmp_path / 'labels_masks' / '0.png')
    with pytest.raises(ValueError, match=r'0\.png must be one channel'):
        build(NAME)[0]


@pytest.mark.parametrize('name', SETS)
def test_reduce_zero_label__is_refused(build, name):
    with pytest.raises(ValueError, match='`reduce_zero_label=True` would'):
        build(name, reduce_zero_label=True)


@pytest.mark.parametrize('argument', ['ann_file', 'img_suffix', 'data_prefix'])
def test_argument_that_would_be_ignored__is_refused(build, argument):
    with pytest.raises(TypeError, match=f"takes no \\['{argument}'\\]"):
        build(NAME, **{argument: 'x'})


@pytest.mark.parametrize('argument', ['split', 'layout'])
def test_unknown_choice__lists_the_known(build, argument):
    with pytest.raises(ValueError, match=f'`{argument}` must be one of .*'
                       "'validation'.*, got 'nonsense'"):
        build(NAME, **{argument: 'nonsense'})


def test_classes_of_the_model__may_be_given(write_course, build):
    write_course(10)
    dataset = build(NAME, metainfo=dict(classes=('road', 'sky')))
    assert dataset.metainfo['classes'] == ('road', 'sky')
    assert len(dataset.metainfo['palette']) == 2
    assert dataset[0]['gt_seg_map'].tolist() == [[253, 254, 255, 253]]


def test_lazy_init__reads_nothing(build):
    dataset = build(NAME, 'nowhere', lazy_init=True)
    assert dataset.metainfo['classes'] == ()


@pytest.fixture(params=['images/4.png', 'labels_masks/4.png'])
def broken_set(request, write_course, tmp_path):
    write_course(10)
    path = tmp_path / request.param
    path.write_bytes(path.read_bytes()[:40])
    return path


def test_broken_file__stops_with_its_name(broken_set, build):
    dataset = build(NAME)
    dataset[3]
    with pytest.raises(ValueError, match=rf'{broken_set} of 40 bytes'):
        dataset[4]


def test_broken_image__is_told_how_to_go_on(write_course, build, tmp_path):
    write_course(10)
    (tmp_path / 'images' / '4.png').write_bytes(b'')
    with pytest.raises(ValueError, match=r'4\.png of 0 bytes is broken .*, or '
                       'set `skip_broken=True`'):
        build(NAME)[4]


def test_broken_file__is_left_out_and_reported(broken_set, build):
    dataset = build(NAME, skip_broken=True)
    assert len([sample['img'] for sample in dataset]) == 9
    assert dataset.metainfo['partial'] == "broken files left out: ['4']"
    paths = [dataset.get_data_info(index)['frame_id'] for index in range(9)]
    assert '4' not in paths


def test_sound_set__stays_complete_under_skip_broken(write_course, build):
    write_course(10)
    assert build(NAME, skip_broken=True).metainfo['partial'] == ''


def test_all_broken__is_refused(write_course, build, tmp_path):
    write_course(10)
    for path in (tmp_path / 'images').iterdir():
        path.write_bytes(b'')
    with pytest.raises(ValueError, match='all 10 images of .* are broken'):
        build(NAME, skip_broken=True)


@pytest.mark.parametrize('name', SETS)
def test_declarations__map_to_normal_and_anomaly(name):
    dataset = DATASETS.get(name)
    assert issubclass(dataset, AnomalyDataset)
    num_classes = len(dataset.METAINFO['classes'])
    normal = set(range(num_classes)) or {253}
    maps = getattr(dataset, 'RAW_LABEL_MAPS', dict(_=dataset.RAW_LABEL_MAP))
    for label_map in maps.values():
        assert normal | {254} <= set(label_map.values())
        assert set(label_map.values()) <= normal | {254, 255}
