"""tools/benchmark_anomaly.py on tiny benchmarks, with a real, tiny EoMT."""
import csv
import json

import numpy as np
import pytest
from PIL import Image
from test_evaluation.conftest import read_heatmap
from test_tools.conftest import ALL_SCORERS, write_own_set

from mmseg_anomaly.evaluation import ScoreHistogram, rank_pixels
from mmseg_anomaly.file_hash import sha256_of


def test_benchmark__evaluates_every_scorer_on_what_it_finds(
        config, checkpoint, data_root, tmp_path, run_tool):
    run_tool('benchmark_anomaly', config, checkpoint, '--data-root',
             data_root, '--work-dir', tmp_path / 'work')

    results = json.loads((tmp_path / 'work/results.json').read_text())
    assert list(results['datasets']) == ['road_anomaly21', 'road_obstacle21']
    assert list(results['formulas']) == ALL_SCORERS
    for found in results['datasets'].values():
        assert list(found['scorers']) == ALL_SCORERS
    assert results['datasets']['road_anomaly21']['num_images'] == 10


def test_benchmark__numbers_are_those_of_tools_test(
        config, checkpoint, data_root, tmp_path, run_tool, read_metrics):
    run_tool('benchmark_anomaly', config, checkpoint, '--data-root',
             data_root, '--work-dir', tmp_path / 'work', '--datasets',
             'road_anomaly21')
    own = config.with_name('own.py')
    own.write_text(
        "_base_ = ['checked.py']\n"
        "test_dataloader = dict(dataset=dict(_delete_=True, "
        f"type='RoadAnomaly21Dataset', data_root='{data_root}/RoadAnomaly21',"
        ' pipeline=_base_.test_pipeline))\n'
        "test_evaluator = dict(_delete_=True, type='AnomalyMetric')\n"
        f'model = dict(test_cfg=dict(scorer={ALL_SCORERS}))\n')
    run_tool('test', own, checkpoint, '--work-dir', tmp_path / 'test')
    expected = read_metrics(tmp_path / 'test')

    results = json.loads((tmp_path / 'work/results.json').read_text())
    for scorer, found in results['datasets']['road_anomaly21'][
            'scorers'].items():
        for metric, value in found['values'].items():
            assert expected[f'anomaly/{scorer}/{metric}'] == value


def test_benchmark__says_that_a_set_without_broken_images_is_partial(
        config, checkpoint, data_root, tmp_path, run_tool):
    broken = data_root / 'RoadAnomaly21/images/7.png'
    broken.write_bytes(broken.read_bytes()[:-40])
    run_tool('benchmark_anomaly', config, checkpoint, '--data-root',
             data_root, '--work-dir', tmp_path / 'work', '--datasets',
             'road_anomaly21', '--scorers', 'rba', '--skip-broken')
    results = json.loads((tmp_path / 'work/results.json').read_text())
    found = results['datasets']['road_anomaly21']
    assert found['num_images'] == 9
    assert "left out: ['7']" in found['facts']['partial']
    text = (tmp_path / 'work/results.md').read_text()
    assert 'RoadAnomaly21 val (partial) AuPRC' in text
    lines = list(csv.DictReader((tmp_path / 'work/results.csv').open()))
    assert '7' in lines[0]['partial']


def test_benchmark__skips_broken_images_of_own_sets_too(
        config, checkpoint, tmp_path, run_tool):
    root = tmp_path / 'benchmarks'
    write_own_set(root / 'mine', 2)
    broken = root / 'mine/images/1.png'
    broken.write_bytes(broken.read_bytes()[:-40])
    run_tool('benchmark_anomaly', config, checkpoint, '--data-root', root,
             '--work-dir', tmp_path / 'work', '--scorers', 'rba',
             '--skip-broken')
    results = json.loads((tmp_path / 'work/results.json').read_text())
    found = results['datasets']['mine']
    assert found['num_images'] == 1
    assert "left out: ['1']" in found['facts']['partial']


def test_benchmark__heat_maps_give_the_numbers_of_the_run(
        config, checkpoint, data_root, tmp_path, run_tool):
    pytest.importorskip('h5py')
    run_tool('benchmark_anomaly', config, checkpoint, '--data-root',
             data_root, '--work-dir', tmp_path / 'work', '--datasets',
             'road_anomaly21', '--scorers', 'rba', 'msp',
             '--save-heatmaps', tmp_path / 'maps')
    run = json.loads(
        (tmp_path / 'work/road_anomaly21/run.json').read_text())['metrics']
    for scorer in ('rba', 'msp'):
        folder = tmp_path / 'maps/anomaly_p' / f'checked_{scorer}'
        counted = ScoreHistogram()
        for path in (folder / 'RoadAnomaly21').glob('*.hdf5'):
            label = np.asarray(Image.open(
                data_root / f'RoadAnomaly21/labels_masks/{path.stem}.png'))
            counted.update(read_heatmap(path), label, str(path))
        values = rank_pixels(counted.to_counts()).values
        for metric, value in values.items():
            assert value == run[f'float16/{scorer}/{metric}']
            assert value == pytest.approx(
                run[f'anomaly/{scorer}/{metric}'], abs=1.)


def test_benchmark__components_and_confidence_intervals(
        config, checkpoint, data_root, tmp_path, run_tool):
    run_tool('benchmark_anomaly', config, checkpoint, '--data-root',
             data_root, '--work-dir', tmp_path / 'work', '--datasets',
             'road_anomaly21', '--scorers', 'rba', '--components',
             '--bootstrap', '20', '--per-image', '--size-bins', '200')
    results = json.loads((tmp_path / 'work/results.json').read_text())
    found = results['datasets']['road_anomaly21']
    assert found['bootstrap']['replicates'] == 20
    low, high = found['scorers']['rba']['intervals']['AuPRC']
    assert low <= found['scorers']['rba']['values']['AuPRC'] <= high
    assert len(found['scorers']['rba']['images']) == 10
    assert list(found['scorers']['rba']['components']) == [
        'sIoU', 'PPV', 'F1*', 'recall_below_200', 'recall_from_200']
    assert 'recall_from_200' in (tmp_path / 'work/results.csv').read_text()
    assert 'RoadAnomaly21 val F1*' in (
        tmp_path / 'work/results.md').read_text()


def test_benchmark__components_above_a_threshold_of_ones_own(
        config, checkpoint, data_root, tmp_path, run_tool):
    path = tmp_path / 'random.threshold.json'
    content = dict(scorer='rba', threshold=1e9,
                   checkpoint_sha256=sha256_of(checkpoint))
    path.write_text(json.dumps(content))
    arguments = ('benchmark_anomaly', config, checkpoint, '--data-root',
                 data_root, '--work-dir', tmp_path / 'work', '--datasets',
                 'road_anomaly21', '--threshold', path)
    run_tool(*arguments, '--scorers', 'msp', 'rba', '--components')
    results = json.loads((tmp_path / 'work/results.json').read_text())
    scorers = results['datasets']['road_anomaly21']['scorers']
    # nothing is above it, so nothing is found
    assert scorers['rba']['components'] == {'sIoU': 0, 'PPV': None, 'F1*': 0}
    assert scorers['msp']['components']['sIoU'] is None

    with pytest.raises(ValueError, match='add --components'):
        run_tool(*arguments)
    path.write_text(json.dumps(dict(content, checkpoint_sha256='0' * 64)))
    with pytest.raises(ValueError, match='chosen for another checkpoint'):
        run_tool(*arguments, '--components')
    path.write_text(json.dumps(dict(content, head_sha256='0' * 64)))
    head = tmp_path / 'head.pth'
    head.write_bytes(b'another')
    with pytest.raises(ValueError, match=r'another pixel head .*head\.pth'):
        run_tool(*arguments, '--components', '--cfg-options',
                 'custom_hooks.0.type=AttachHeadHook',
                 f'custom_hooks.0.head={head}')


def test_benchmark__needs_a_pipeline_that_checks_labels(
        tiny_eomt_config, checkpoint, data_root, run_tool):
    with pytest.raises(ValueError, match='must load labels by '
                       'LoadCheckedAnnotations'):
        run_tool('benchmark_anomaly', tiny_eomt_config, checkpoint,
                 '--data-root', data_root)


def test_benchmark__needs_a_checkpoint_that_is_there(
        config, data_root, run_tool):
    with pytest.raises(FileNotFoundError,
                       match='there is no checkpoint no.pth'):
        run_tool('benchmark_anomaly', config, 'no.pth', '--data-root',
                 data_root)


def test_benchmark__sizes_are_those_of_components(
        config, checkpoint, data_root, run_tool):
    with pytest.raises(ValueError, match='--size-bins .*add --components'):
        run_tool('benchmark_anomaly', config, checkpoint, '--data-root',
                 data_root, '--size-bins', '10')


def test_benchmark__states_the_scales_it_merged(
        config, checkpoint, data_root, tmp_path, run_tool):
    run_tool('benchmark_anomaly', config, checkpoint, '--data-root',
             data_root, '--work-dir', tmp_path / 'work', '--datasets',
             'road_anomaly21', '--scorers', 'rba', '--scales', '1', '2')
    results = json.loads((tmp_path / 'work/results.json').read_text())
    assert results['model']['scales'] == '1 2'
    assert results['datasets']['road_anomaly21']['protocol'].endswith(
        'mean of 2 augmentations')
