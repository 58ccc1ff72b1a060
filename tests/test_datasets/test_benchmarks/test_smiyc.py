"""Only the labelled part of the two SegmentMeIfYouCan tracks."""
import pytest

ANOMALY, OBSTACLE = 'RoadAnomaly21Dataset', 'RoadObstacle21Dataset'


def write_official(write_frame, names, suffix):
    for name in names:
        write_frame(f'images/{name}{suffix}',
                    f'labels_masks/{name}_labels_semantic.png')
        write_frame(f'labels_masks/{name}_labels_semantic_color.png', None)


@pytest.fixture
def anomaly_track(write_frame):
    names = [f'validation{index:04}' for index in range(10)]
    names += [f'cow{index:04}' for index in range(100)]
    write_official(write_frame, names, '.jpg')


@pytest.fixture
def obstacle_track(write_frame):
    names = [f'validation_{index}' for index in range(1, 41)]
    names += [f'validation_{index}0' for index in (19, 21, 29)]
    names += ['gravel_bag_3', 'driveway_1', 'snowstorm1_00_16']
    write_official(write_frame, names, '.webp')


def test_anomaly_track__evaluates_the_ten_labelled(anomaly_track, build):
    dataset = build(ANOMALY)
    infos = [dataset.get_data_info(index) for index in range(len(dataset))]
    assert [info['frame_id'] for info in infos] == [
        f'validation{index:04}' for index in range(10)]
    assert {info['heatmap_folder'] for info in infos} == {'AnomalyTrack-all'}
    assert dataset[0]['gt_seg_map'].tolist() == [[253, 254, 255, 253]]


def test_obstacle_track__drops_the_listed_prefixes(obstacle_track, build):
    dataset = build(OBSTACLE)
    numbers = {
        int(dataset.get_data_info(index)['frame_id'].split('_')[1])
        for index in range(30)}
    # of 1 to 40 without 19 and 21 to 29; 190, 210 and 290 begin like those
    assert len(dataset) == 30
    assert numbers == {*range(1, 19), 20, *range(30, 41)}
    assert dataset.get_data_info(0)['heatmap_folder'] == 'ObstacleTrack-all'


@pytest.mark.parametrize('name', [ANOMALY, OBSTACLE])
def test_hidden_labels__are_refused(build, name):
    with pytest.raises(ValueError, match="split 'test' are hidden, .*dummies; "
                       'set `with_labels=False`'):
        build(name, split='test')


def test_hidden_split__gives_images_for_heat_maps(anomaly_track, build):
    dataset = build(ANOMALY, split='test', with_labels=False,
                    pipeline=[dict(type='LoadImageFromFile')])
    assert len(dataset) == 100
    assert 'seg_map_path' not in dataset[0]
    assert dataset[0]['frame_id'] == 'cow0000'


def test_hidden_split__does_not_load_dummies(anomaly_track, build):
    dataset = build(ANOMALY, split='test', with_labels=False)
    with pytest.raises(KeyError, match='comes without `seg_map_path`'):
        dataset[0]


def test_hidden_split__is_not_any_other_image(write_frame, build):
    write_frame('images/0.png', 'labels_masks/0.png')
    with pytest.raises(ValueError, match="'test' has 100 images, found 1"):
        build(ANOMALY, split='test', with_labels=False)


def test_hidden_split__has_no_plain_layout(write_frame, build):
    write_frame('images/0.png', 'labels_masks/0.png')
    with pytest.raises(FileNotFoundError, match="image of split 'test'"):
        build(ANOMALY, split='test', with_labels=False, layout='validation')
