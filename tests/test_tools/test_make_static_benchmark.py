import json
import re
import runpy
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.registry import DefaultScope

from mmseg_anomaly.datasets import StaticAnomalyDataset

TOOL = (Path(__file__).parents[2] / 'tools' / 'dataset_converters' /
        'make_static_benchmark.py')
CLASSES = ('road', 'sky')
VOID_ID = 7


@pytest.fixture
def run(tmp_path, make_coco):
    """Return a function that runs the tool on small scenes and objects."""
    write_scenes(tmp_path / 'scenes')
    objects = make_coco([
        dict(image=str(number), category=category, box=(3, 4, 30, 20 + number))
        for number, category in enumerate(['toy', 'cup', 'cow'])
    ])
    main = runpy.run_path(str(TOOL))['main']

    def run_tool(*arguments, name='out', scenes=None):
        if scenes is None:
            scenes = [
                tmp_path / 'scenes' / 'images', tmp_path / 'scenes' / 'labels',
                '--classes', *CLASSES, '--void-ids', VOID_ID
            ]
        argv = [
            '--scenes', *scenes, '--objects', objects / 'instances.json',
            objects / 'images', '-o', tmp_path / name, *arguments
        ]
        main([str(argument) for argument in argv])
        return tmp_path / name

    yield run_tool
    DefaultScope._instance_dict.clear()  # the tool opens mmseg's


def write_scenes(root):
    generator = np.random.default_rng(0)
    for name in ('a', 'sub/b', 'c'):
        for part, suffix, shape in (('images', '.jpg', (40, 60, 3)),
                                    ('labels', '.png', (40, 60))):
            path = root / part / f'{name}{suffix}'
            path.parent.mkdir(parents=True, exist_ok=True)
            array = (generator.integers(100, size=shape, dtype=np.uint8)
                     if part == 'images' else generator.choice(
                         np.array([0, 1, VOID_ID], np.uint8), shape))
            cv2.imwrite(str(path), array)


def all_files(root):
    return {
        path.relative_to(root): path.read_bytes()
        for path in root.rglob('*') if path.is_file()
    }


def test_labels__mark_exactly_what_was_pasted(run, tmp_path):
    out = run('--max-scale', 0.5)
    for name in ('a', 'sub/b', 'c'):
        before = cv2.imread(str(tmp_path / 'scenes' / 'images' /
                                f'{name}.jpg'))
        after = cv2.imread(str(out / 'images' / f'{name}.png'))
        raw = cv2.imread(
            str(tmp_path / 'scenes' / 'labels' / f'{name}.png'), -1)
        label = cv2.imread(str(out / 'annotations' / f'{name}.png'), -1)
        pasted = label == 254
        assert pasted.any()
        assert (before[~pasted] == after[~pasted]).all()
        assert (before[pasted] != after[pasted]).any(axis=-1).mean() > 0.9
        raw[raw == VOID_ID] = 255
        np.testing.assert_array_equal(label[~pasted], raw[~pasted])


def test_manifest__counts_and_names_every_object(run):
    out = run('--min-objects', 2, '--max-objects', 2)
    manifest = json.loads((out / 'manifest.json').read_text())
    assert manifest['settings']['seed'] == 0
    assert manifest['settings']['min_area'] == 400
    assert manifest['classes'] == list(CLASSES)
    counts = manifest['counts']
    assert (counts['images'], counts['objects']) == (3, 6)
    assert sum(counts['categories'].values()) == 6
    assert sum(counts['pixels'].values()) == 3 * 40 * 60
    assert counts['images_without_object'] == 0
    for item in manifest['images']:
        label = cv2.imread(str(out / item['annotation']), -1)
        assert item['num_pixels']['outlier'] == (label == 254).sum()
        for outlier in item['outliers']:
            left, top, right, bottom = outlier['box_xyxy']
            assert (label[top:bottom, left:right] == 254).all()
            assert outlier['origin']['annotation_id'] in (100, 101, 102)


def test_equal_arguments__give_equal_files(run):
    first, second = run(name='first'), run(name='second')
    assert len(all_files(first)) == 7
    assert all_files(first) == all_files(second)
    assert all_files(first) != all_files(run('--seed', 1, name='third'))


def test_output__is_loaded_by_its_dataset(run):
    dataset = StaticAnomalyDataset(str(run()), test_mode=True)
    assert len(dataset) == 3
    assert dataset.metainfo['classes'] == CLASSES


def write_config(path, wrap):
    dataset = dict(
        type='BaseSegDataset', metainfo=dict(classes=CLASSES),
        data_prefix=dict(img_path='images', seg_map_path='labels'),
        data_root=str(path.parent / 'scenes'),
        pipeline=[dict(type='Resize', scale=(8, 8))])
    path.write_text(f'val_dataloader = {dict(dataset=wrap(dataset))}')
    return path


def test_several_datasets__are_refused(run, tmp_path):
    config = write_config(tmp_path / 'config.py', lambda dataset: dict(
        type='ConcatDataset', datasets=[dataset, dataset]))
    with pytest.raises(ValueError, match='`val_dataloader` of .*config.py '
                       'must hold one dataset, got .*BaseSeg.*BaseSeg'):
        run(scenes=[config])


def test_wrapped_scenes__are_taken_once(run, tmp_path):
    for path in (tmp_path / 'scenes' / 'labels').rglob('*.png'):
        cv2.imwrite(str(path), np.ones((40, 60), np.uint8))
    config = write_config(tmp_path / 'config.py', lambda dataset: dict(
        type='RepeatDataset', times=2, dataset=dataset))
    out = run(scenes=[config])
    assert len(all_files(out)) == 7
    label = cv2.imread(str(out / 'annotations' / 'a.png'), -1)
    assert label.shape == (40, 60)


def test_config_scenes__use_the_chosen_dataloader(run, tmp_path):
    config = write_config(
        tmp_path / 'config.py',
        lambda dataset: {**dataset, 'data_root': 'nowhere'})
    scenes = tmp_path / 'scenes'
    for path in (scenes / 'labels').rglob('*.png'):
        cv2.imwrite(str(path), np.ones((40, 60), np.uint8))
    out = run('--cfg-options', f'val_dataloader.dataset.data_root={scenes}',
              scenes=[config])
    label = cv2.imread(str(out / 'annotations' / 'a.png'), -1)
    assert label.shape == (40, 60)
    assert np.unique(label).tolist() == [1, 254]


def test_unknown_label__stops_with_its_file(run, tmp_path):
    images = tmp_path / 'scenes' / 'images'
    labels = tmp_path / 'scenes' / 'labels'
    with pytest.raises(ValueError, match=r'a.png holds the ids \[7\]'):
        run(scenes=[images, labels, '--classes', *CLASSES])


@pytest.mark.parametrize(('scenes', 'message'), [
    (['a', 'b'], 'needs --classes'),
    (['a', 'b', 'c'], 'a config or IMAGES ANNOTATIONS'),
])
def test_wrong_scenes__are_refused(run, capsys, scenes, message):
    with pytest.raises(SystemExit):
        run(scenes=scenes)
    assert message in capsys.readouterr().err


def test_folder_in_use__is_refused(run, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run(name='scenes')
    assert 'is not empty' in capsys.readouterr().err


def test_run_that_stops__leaves_no_set_and_starts_anew(run, tmp_path):
    label = tmp_path / 'scenes' / 'labels' / 'c.png'
    content = label.read_bytes()
    cv2.imwrite(str(label), np.full((40, 60), 99, np.uint8))
    with pytest.raises(ValueError, match=r'c.png holds the ids \[99\]'):
        run()
    assert not (tmp_path / 'out').exists()
    (tmp_path / 'out.partial' / 'old.txt').touch()
    label.write_bytes(content)
    assert len(all_files(run())) == 7
    assert not (tmp_path / 'out.partial').exists()


def test_empty_folder__is_filled(run, tmp_path):
    (tmp_path / 'out').mkdir()
    assert len(all_files(run())) == 7


def test_area_of_other_objects__is_refused(run, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run('--objects', 'some.pack', '--min-area', 3)
    assert ('--min-area is for objects of a COCO json, got --objects '
            'some.pack') in capsys.readouterr().err


def test_placement_and_blending__are_used_and_noted(run):
    out = run('--placement', 'type=UniformPlacement',
              'protected_classes=[0,1,255]',
              '--blending', 'mode=feather', 'color_match=0.5',
              '--max-scale', 0.2)
    manifest = json.loads((out / 'manifest.json').read_text())
    assert manifest['settings']['placement'] == dict(
        type='UniformPlacement', protected_classes=[0, 1, 255])
    assert manifest['settings']['blending'] == dict(
        mode='feather', color_match=0.5)
    counts = manifest['counts']
    assert counts['objects'] == 0 and counts['skipped_objects'] >= 3


def test_documented_placement__runs(run, tmp_path):
    doc = runpy.run_path(str(TOOL))['__doc__']
    options, = re.findall(r'(--placement .*?) \\\n', doc)
    labels = tmp_path / 'scenes' / 'labels'
    for path in labels.rglob('*.png'):
        cv2.imwrite(str(path), np.full((40, 60), 3, np.uint8))
    out = run(*options.split(), '--max-scale', 0.5,
              scenes=[tmp_path / 'scenes' / 'images', labels, '--classes',
                      *'abcd'])
    manifest = json.loads((out / 'manifest.json').read_text())
    assert manifest['settings']['placement']['road_classes'] == 3
    assert manifest['counts']['objects'] > 0


def test_excluded_source__is_not_pasted(run, tmp_path):
    train = tmp_path / 'train.py'
    train.write_text(
        "pipeline = [dict(type='OutlierPaste', source=dict("
        "type='CocoOutliers', min_area=1, "
        f"ann_file='{tmp_path / 'coco' / 'instances.json'}', "
        "allow_categories=['toy', 'cow'], data_prefix=dict("
        f"img_path='{tmp_path / 'coco' / 'images'}')))]")
    out = run('--exclude-source', train)
    manifest = json.loads((out / 'manifest.json').read_text())
    assert set(manifest['counts']['categories']) == {'cup'}
    assert manifest['excluded'] == dict(sources=['train.py'], objects=2)


def test_excluded_json__is_taken_without_filters(run, make_coco):
    # a car, and an object below the usual area beside another car
    train = make_coco([
        dict(image='0', category='car', box=(3, 4, 30, 20)),
        dict(image='1', category='car', box=(3, 4, 30, 20)),
        dict(image='1', category='cup', box=(50, 30, 2, 2)),
        dict(image='9', category='cup', box=(3, 4, 30, 20)),
    ], name='train')
    out = run('--exclude-source', train / 'instances.json', train / 'images')
    manifest = json.loads((out / 'manifest.json').read_text())
    assert set(manifest['counts']['categories']) == {'cow'}
    assert manifest['excluded'] == dict(sources=['instances.json'], objects=2)


def test_compared_pixels__exclude_renamed_pictures(run, make_coco):
    train = make_coco([dict(image='renamed', category='toy',
                            box=(3, 4, 30, 20))], name='train')
    arguments = ['--exclude-source', train / 'instances.json',
                 train / 'images']
    for name, options, num_refused in (('names', [], 0),
                                       ('pixels', ['--compare-pixels'], 1)):
        out = run(*arguments, *options, name=name)
        manifest = json.loads((out / 'manifest.json').read_text())
        assert manifest['excluded']['objects'] == num_refused
        assert manifest['settings']['compare_pixels'] == bool(options)


def test_other_source__is_taken(run, tmp_path):
    config = tmp_path / 'source.py'
    config.write_text("source = dict(type='SyntheticOutliers')")
    out = run('--objects', config)
    manifest = json.loads((out / 'manifest.json').read_text())
    assert manifest['objects'] == 'source.py'
    assert manifest['settings']['min_area'] is None
    assert manifest['images'][0]['outliers'][0]['origin']['split'] == 'train'
