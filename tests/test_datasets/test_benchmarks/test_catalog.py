"""Benchmarks are found by whole folder names."""
import pytest
from mmseg.registry import DATASETS

import mmseg_anomaly  # noqa: F401
from mmseg_anomaly.datasets.benchmarks.catalog import (
    BENCHMARKS,
    find_benchmarks,
    get_benchmark,
)


@pytest.fixture
def root(tmp_path):
    for folder in ('RoadObsticle21', 'dataset_AnomalyTrack', 'RoadAnomaly',
                   'our_set', 'unrelated', 'RoadAnomaly21_backup'):
        (tmp_path / folder).mkdir()
    (tmp_path / 'our_set' / 'manifest.json').touch()
    return tmp_path


def test_find__whatever_is_there_in_a_fixed_order(root):
    assert find_benchmarks(str(root)) == dict(
        road_anomaly=dict(type='RoadAnomalyDataset',
                          data_root=str(root / 'RoadAnomaly')),
        road_anomaly21=dict(type='RoadAnomaly21Dataset',
                            data_root=str(root / 'dataset_AnomalyTrack')),
        road_obstacle21=dict(type='RoadObstacle21Dataset',
                             data_root=str(root / 'RoadObsticle21')),
        our_set=dict(type='StaticAnomalyDataset',
                     data_root=str(root / 'our_set')))


def test_find__what_is_asked_for_in_its_order(root):
    found = find_benchmarks(str(root), ['our_set', 'road_anomaly'])
    assert list(found) == ['our_set', 'road_anomaly']


def test_find__missing_set_names_the_folders(root):
    with pytest.raises(FileNotFoundError, match="no folder for `fishyscapes_st"
                       r"atic`, looked for \['fs_static', 'fishyscapes_st"):
        find_benchmarks(str(root), ['fishyscapes_static'])


@pytest.mark.parametrize('name', ['road_anomly', 'unrelated'])
def test_find__unknown_name_lists_the_known(root, name):
    with pytest.raises(FileNotFoundError, match=f"`{name}` is neither one of "
                       r"\['road_anomaly', .*which are \['our_set'\]"):
        find_benchmarks(str(root), [name])


def test_find__twice_is_an_error(root):
    (root / 'RoadObstacle21').mkdir()
    with pytest.raises(ValueError, match='RoadObstacle21 val is in several '
                       'folders.*RoadObstacle21.*RoadObsticle21'):
        find_benchmarks(str(root))


def test_find__nothing(tmp_path):
    with pytest.raises(FileNotFoundError, match='holds no benchmark'):
        find_benchmarks(str(tmp_path))


def test_find__no_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match='no folder .*nowhere'):
        find_benchmarks(str(tmp_path / 'nowhere'))


def test_find__images_of_lost_and_found_serve_fishyscapes(tmp_path):
    for folder in ('fishyscapes_lostandfound', 'LostAndFound'):
        (tmp_path / folder).mkdir()
    found = find_benchmarks(str(tmp_path))
    assert found['fishyscapes_lost_and_found']['image_root'] == str(
        tmp_path / 'LostAndFound')
    assert found['lost_and_found']['split'] == 'test_no_known'


@pytest.mark.parametrize('name', BENCHMARKS)
def test_settings__are_arguments_of_the_dataset(name):
    benchmark = BENCHMARKS[name]
    dataset = DATASETS.get(benchmark.type)(
        'nowhere', lazy_init=True, **benchmark.settings)
    assert dataset.metainfo['classes'] == ()
    if benchmark.smiyc_folder is not None:
        assert dataset.split.heatmap_folder == benchmark.smiyc_folder


def test_tracks__small_objects_are_obstacles():
    obstacles = [name for name in BENCHMARKS
                 if get_benchmark(name).track == 'obstacle']
    assert obstacles == ['road_obstacle21', 'lost_and_found']


def test_own_folder__is_its_own_title():
    assert get_benchmark('our_set').title == 'our_set'
    assert get_benchmark('our_set').type == 'StaticAnomalyDataset'
