"""LostAndFound: 1 is the road, and known objects are left out."""
import pytest

NAME = 'LostAndFoundDataset'
INVALID = (17, 37, 55, 72, 91, 110, 129, 153, 174, 197, 218, 353, 490, 618,
           686, 792, 793)


@pytest.fixture
def write_laf(write_frame):
    """Return a function that writes frames of both encodings."""

    def write(frame_ids, split='test', ids=((0, 1, 2, 200), ),
              train_ids=((255, 1, 2, 0), ), suffix='.png'):
        for frame_id in frame_ids:
            scene = frame_id.rsplit('_', 2)[0]
            image = f'leftImg8bit/{split}/{scene}/{frame_id}_leftImg8bit'
            label = f'gtCoarse/{split}/{scene}/{frame_id}_gtCoarse'
            write_frame(f'{image}{suffix}', f'{label}_labelIds.png', ids)
            write_frame(f'{image}{suffix}', f'{label}_labelTrainIds.png',
                        train_ids)

    return write


@pytest.mark.parametrize('encoding, expected', [
    ('labelIds', [[255, 253, 254, 254]]),
    ('TrainIds', [[255, 253, 254, 255]]),
])
def test_encodings__one_is_normal(write_laf, build, encoding, expected):
    write_laf(['04_Maurener_Weg_8_000000_000030'])
    dataset = build(NAME, split='test', encoding=encoding, allow_partial=True)
    assert dataset[0]['gt_seg_map'].tolist() == expected
    assert dataset.metainfo['layout'] == encoding


@pytest.mark.parametrize('encoding, raw_id', [('labelIds', 201),
                                              ('TrainIds', 3)])
def test_encodings__refuse_ids_of_each_other(write_laf, build, encoding,
                                             raw_id):
    write_laf(['04_A_000000_000030'], ids=[[raw_id]], train_ids=[[raw_id]])
    with pytest.raises(ValueError, match=rf'holds the ids \[{raw_id}\]'):
        build(NAME, split='test', encoding=encoding, allow_partial=True)[0]


def test_train_ids__read_as_label_ids_are_noticed(write_laf, build):
    write_laf(['04_A_000000_000030'], ids=[[255, 1, 2, 0]])
    with pytest.raises(ValueError, match=r'\[255\], its dataset knows '
                       r'\[  0,   1,   2, ..., 198, 199, 200\] only'):
        build(NAME, split='test', allow_partial=True)[0]


def test_unknown_encoding__lists_the_known(build):
    with pytest.raises(ValueError, match=r"`encoding` must be one of \['label"
                       r"Ids', 'TrainIds'\], got 'ids'"):
        build(NAME, encoding='ids')


@pytest.mark.parametrize('suffix', ['.webp', '.jpg'])
def test_train_split__reads_its_own_folder(write_laf, build, suffix):
    write_laf(['14_Otto_Str_000000_000030'], 'train', suffix=suffix)
    write_laf(['04_A_000000_000030'])
    dataset = build(NAME, split='train', allow_partial=True)
    info = dataset.get_data_info(0)
    assert info['frame_id'] == '14_Otto_Str_000000_000030'
    assert info['heatmap_folder'] == 'LostAndFound-train'
    assert dataset.metainfo['partial'].endswith('1036 images, found 1')


@pytest.fixture
def whole_test_folder(tmp_path):
    """1203 empty frames, of which the last 143 show known objects."""
    frames = [('02_Str_44', index) for index in range(1060)]
    frames += [('15_Rechbergstr_Deckenpfronn', index) for index in range(143)]
    for scene in ('02_Str_44', '15_Rechbergstr_Deckenpfronn'):
        for part in ('leftImg8bit', 'gtCoarse'):
            (tmp_path / part / 'test' / scene).mkdir(parents=True)
    for scene, index in frames:
        name = f'test/{scene}/{scene}_000000_{index:06}'
        (tmp_path / f'leftImg8bit/{name}_leftImg8bit.png').touch()
        (tmp_path / f'gtCoarse/{name}_gtCoarse_labelIds.png').touch()


def test_no_known__drops_unlabelled_frames_and_known_objects(
        whole_test_folder, build):
    dataset = build(NAME)
    names = [dataset.get_data_info(index)['frame_id']
             for index in range(len(dataset))]
    positions = {int(name[-6:]) for name in names}
    assert len(names) == 1043
    assert set(range(1060)) - positions == set(INVALID)
    assert not any('Rechbergstr' in name for name in names)


def test_test_split__keeps_all(whole_test_folder, build):
    assert len(build(NAME, split='test')) == 1203


@pytest.mark.parametrize('frame_id', [
    '15_Rechbergstr_Deckenpfronn_000000_000010',
    '01_Hanns_Klemm_Str_45_000006_000090',
    '01_Hanns_Klemm_Str_45_000007_000030', '10_Schlossberg_9_000004_000100'])
def test_no_known__drops_each_listed_sequence(write_laf, build, frame_id):
    write_laf([frame_id, '01_Hanns_Klemm_Str_45_000005_000080'])
    dataset = build(NAME, allow_partial=True)
    assert [dataset.get_data_info(index)['frame_id']
            for index in range(len(dataset))] == [
                '01_Hanns_Klemm_Str_45_000005_000080']
