"""StreetHazards counts its classes from 1; 14 is an anomaly."""
import pytest

NAME = 'StreetHazardsDataset'
LABEL = [[0, 1, 13, 14]]


@pytest.mark.parametrize('split, folder', [
    ('test', ('test', 'test')), ('train', ('train', 'training')),
    ('val', ('train', 'validation'))])
def test_splits__read_the_folders_of_the_release(write_frame, build, split,
                                                 folder):
    part, name = folder
    for town in ('t5', 't6'):
        write_frame(f'{part}/images/{name}/{town}/1.png',
                    f'{part}/annotations/{name}/{town}/1.png', LABEL)
    dataset = build(NAME, split=split, allow_partial=True, num_classes=13)
    assert dataset[0]['gt_seg_map'].tolist() == [[255, 0, 12, 254]]
    assert [dataset.get_data_info(index)['frame_id'] for index in range(2)
            ] == ['t5_1', 't6_1']  # stems alone would collide


@pytest.fixture
def one_image(write_frame):
    write_frame('test/images/test/t5/1.png', 'test/annotations/test/t5/1.png',
                LABEL)


def test_anomaly_only__suits_a_model_of_other_classes(one_image, build):
    dataset = build(NAME, anomaly_only=True, allow_partial=True, num_classes=2,
                    metainfo=dict(classes=('road', 'sky')))
    assert dataset[0]['gt_seg_map'].tolist() == [[255, 253, 253, 254]]
    assert dataset.metainfo['classes'] == ('road', 'sky')


def test_anomaly_only__has_no_classes_of_its_own(one_image, build):
    dataset = build(NAME, anomaly_only=True, allow_partial=True)
    assert dataset.metainfo['classes'] == ()
    assert dataset.metainfo['palette'] == []


def test_classes__are_thirteen_and_ordered_as_the_ids(one_image, build):
    metainfo = build(NAME, allow_partial=True).metainfo
    assert len(metainfo['classes']) == len(metainfo['palette']) == 13
    assert metainfo['classes'][7] == 'road'
    assert metainfo['palette'][7] == [128, 64, 128]


def test_other_classes__need_anomaly_only(build):
    with pytest.raises(ValueError, match=r"got `metainfo` of \('road',\).*"
                       '`anomaly_only=True`'):
        build(NAME, metainfo=dict(classes=('road', )))
