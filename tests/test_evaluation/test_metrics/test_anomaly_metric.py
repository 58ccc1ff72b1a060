import json
import logging
import math
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.dataset import DefaultSampler
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmengine.structures import PixelData
from mmseg.registry import METRICS
from mmseg.structures import SegDataSample
from torch.utils.data import Dataset

import mmseg_anomaly  # noqa: F401
from mmseg_anomaly.evaluation import AnomalyMetric
from mmseg_anomaly.evaluation.metrics.scored_sample import anomaly_label
from mmseg_anomaly.evaluation.pixels import score_histogram
from mmseg_anomaly.evaluation.pixels.smiyc import SmiycPixels

NAMES = ('AuPRC', 'FPR95', 'AUROC', 'F1', 'F1_threshold')


def _sample(scores, labels, name='road.png', **maps):
    """A data sample as the segmentor returns it, one row of pixels."""
    scores = torch.tensor(scores, dtype=torch.float32).reshape(1, 1, -1)
    sample = SegDataSample(metainfo={'img_path': f'images/{name}'})
    sample.pred_anomaly_map = PixelData(data=scores)
    if labels is not None:
        sample.gt_sem_seg = PixelData(data=torch.tensor(labels)[None, None])
    for scorer, scorer_map in maps.items():
        data = scores if scorer_map is None else torch.tensor(
            scorer_map, dtype=torch.float32).reshape(1, 1, -1)
        sample.set_data({f'anomaly_map_{scorer}': PixelData(data=data)})
    if maps:
        sample.set_metainfo({
            'anomaly_scorers': tuple(maps),
            'anomaly_protocol': 'whole image'
        })
    return sample


def _evaluate(samples, batch_size=1, **kwargs):
    metric = AnomalyMetric(**kwargs)
    for start in range(0, len(samples), batch_size):
        batch = samples[start:start + batch_size]
        metric.process(None, [sample.to_dict() for sample in batch])
    return metric.evaluate(len(samples))


def _random_samples(count):
    samples = []
    for index in range(count):
        rng = np.random.default_rng(index)
        labels = rng.choice([0, 18, 253, 254, 255], 400 + index)
        scores = (labels == 254) + rng.normal(size=labels.size)
        samples.append(
            _sample(scores, labels, f'{index}.png', rba=None,
                    energy=-scores**3))
    return samples


@pytest.fixture
def log():
    """The messages of MMEngine's current logger."""
    messages = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    yield messages
    logger.removeHandler(handler)


def test_evaluate__pools_the_pixels_of_all_images():
    # Falling scores: anomaly, class 3, anomaly, known; the rest is void.
    values = _evaluate([
        _sample([9., 1., 99.], [254, 253, 255]),
        _sample([5., 3., -99.], [3, 254, 255])
    ])
    assert values == {
        'anomaly/AuPRC': pytest.approx(100 * (1 + 2 / 3) / 2),
        'anomaly/FPR95': 50,
        'anomaly/AUROC': 75,
        'anomaly/F1': pytest.approx(100 * 4 / 5),
        'anomaly/F1_threshold': 3
    }
    assert all(type(value) is float for value in values.values())


def test_evaluate__reports_every_scorer_and_the_first_one_plainly():
    values = _evaluate(
        [_sample([2., 1.], [254, 0], rba=None, energy=[1., 2.])])
    assert values['anomaly/rba/AUROC'] == values['anomaly/AUROC'] == 100
    assert values['anomaly/energy/AUROC'] == 0
    assert set(values) == {
        f'anomaly/{scorer}{name}'
        for scorer in ('', 'rba/', 'energy/') for name in NAMES
    }


def test_evaluate__a_single_scorer_reads_the_plain_map():
    sample = _sample([2., 1.], [254, 0], msp=None)
    del sample.anomaly_map_msp
    assert _evaluate([sample])['anomaly/msp/AUROC'] == 100


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_process__half_precision_is_widened(dtype):
    sample = _sample([2., 1.], [254, 0])
    sample.pred_anomaly_map.data = sample.pred_anomaly_map.data.to(dtype)
    assert _evaluate([sample])['anomaly/AUROC'] == 100


@pytest.mark.parametrize('batch_size', [2, 7])
def test_evaluate__does_not_depend_on_batches_or_order(batch_size):
    samples = _random_samples(7)
    expected = _evaluate(samples)
    assert _evaluate(samples[::-1], batch_size) == expected


def test_evaluate__starts_anew_each_time():
    metric = AnomalyMetric()
    first, second = _sample([2., 1.], [254, 0]), _sample([1., 2.], [254, 0])
    for sample, auroc in ((first, 100), (second, 0), (first, 100)):
        metric.process(None, [sample.to_dict()])
        assert metric.evaluate(1)['anomaly/AUROC'] == auroc


def test_evaluate__without_any_anomaly_is_undefined_and_says_so(log):
    values = _evaluate([_sample([1., 2.], [0, 253])])
    assert all(math.isnan(value) for value in values.values())
    assert list(values) == [f'anomaly/{name}' for name in NAMES]
    assert any('no anomaly: AuPRC' in message for message in log)


def test_evaluate__all_void_and_no_image_are_undefined(log):
    values = _evaluate([_sample([1., 2.], [255, 255])])
    assert math.isnan(values['anomaly/AuPRC'])
    values = AnomalyMetric().evaluate(0)
    assert math.isnan(values['anomaly/AuPRC'])
    assert any('saw no image' in message for message in log)


def test_evaluate__logs_what_the_numbers_rest_on(log):
    _evaluate([
        _sample([2., 1., 0.], [254, 0, 255], rba=None),
        _sample([2., 1.], [1, 0], rba=None)
    ])
    message = next(m for m in log if 'anomaly scores' in m)
    for text in ('4 pixels, 1 of them anomalous', '2 images, 1 of them',
                 'protocol: whole image', '|  rba   |', 'merged bits',
                 'proved error <='):
        assert text in message


def test_summary_path__receives_all_that_was_measured(tmp_path):
    path = tmp_path / 'new' / 'summary.json'
    _evaluate([
        _sample([9., 1., 99.], [254, 253, 255], rba=None, msp=[0., 0., 0.]),
        _sample([5., 3., -99.], [3, 254, 255], rba=None, msp=[0., 0., 0.]),
        _sample([-9., -9.], [0, 255], rba=None, msp=[0., 0.])
    ], summary_path=str(path))
    summary = json.loads(path.read_text())
    scorers = summary.pop('scorers')
    assert summary == {
        'version': 1, 'protocol': 'whole image', 'metric_protocol': 'exact',
        'num_images': 3, 'num_normal_images': 1,
        'bootstrap': None, 'num_pixels': 5, 'num_positives': 2
    }
    assert list(scorers) == ['rba', 'msp']
    assert scorers['msp']['values']['AUROC'] == 50
    assert scorers['rba']['bounds'] == dict.fromkeys(NAMES[:4], 0)
    assert scorers['rba']['F1_threshold'] == 3
    assert scorers['rba']['merged_bits'] == 0
    assert scorers['rba']['curves'] == {
        'thresholds': [9, 5, 3, 1, -9], 'recall': [.5, .5, 1, 1, 1],
        'precision': [1, 1 / 2, 2 / 3, 2 / 4, 2 / 5],
        'fpr': pytest.approx([0, 1 / 3, 1 / 3, 2 / 3, 1])
    }
    assert scorers['rba']['intervals'] is scorers['rba']['images'] is None


def test_summary_path__of_no_image_has_no_scorer(tmp_path):
    path = tmp_path / 'summary.json'
    AnomalyMetric(summary_path=str(path)).evaluate(0)
    assert json.loads(path.read_text())['scorers'] == {}


def _summary(samples, path, **kwargs):
    _evaluate(samples, summary_path=str(path), **kwargs)
    return json.loads(path.read_text())


def test_summary_path__has_rows_and_intervals_where_asked_for(tmp_path, log):
    options = dict(replicates=20, level=.8, seed=1)
    summary = _summary(_random_samples(4), tmp_path / 'a.json',
                       bootstrap=options, per_image=True)
    assert summary['bootstrap'] == options
    for scorer in summary['scorers'].values():
        rows = scorer['images']
        assert [row['image'] for row in rows] == [
            f'images/{index}.png' for index in range(4)
        ]
        assert sum(row['pixels'] for row in rows) == summary['num_pixels']
        assert sum(row['positives'] for row in rows) == (
            summary['num_positives'])
        for name, (low, high) in scorer['intervals'].items():
            assert 0 <= low < scorer['values'][name] < high <= 100
    low, high = summary['scorers']['rba']['intervals']['AuPRC']
    assert any(f'[{low:.2f}, {high:.2f}]' in message for message in log)


def test_summary_path__rows_are_those_of_each_image_alone(tmp_path):
    samples = _random_samples(2)
    summary = _summary(samples, tmp_path / 'a.json', per_image=True)
    for sample, row in zip(samples, summary['scorers']['rba']['images'],
                           strict=True):
        values = _evaluate([sample])
        assert row['AuPRC'] == values['anomaly/AuPRC']
        assert row['FPR95'] == values['anomaly/FPR95']


@pytest.mark.parametrize('protocol', ['smiyc', 'smiyc_float16'])
def test_protocol__gives_the_numbers_of_the_official_bins(protocol, tmp_path):
    samples = _random_samples(3)
    summary = _summary(samples, tmp_path / 'a.json', protocol=protocol)
    assert summary['metric_protocol'] == protocol
    pixels = SmiycPixels(protocol == 'smiyc_float16')
    for index, sample in enumerate(samples):
        label = anomaly_label(sample.to_dict(), {})
        pixels.update(str(index), sample.pred_anomaly_map.data[0].numpy(),
                      label)
    ranking, _ = pixels.rank()
    assert summary['scorers']['rba']['values'] == ranking.values
    assert summary['scorers']['rba']['F1_threshold'] == ranking.threshold
    exact = _evaluate(samples)
    assert ranking.values['AuPRC'] != exact['anomaly/AuPRC']
    assert ranking.values['AuPRC'] == pytest.approx(exact['anomaly/AuPRC'],
                                                    abs=1)


def test_process__names_the_image_with_nan():
    with pytest.raises(ValueError, match=r'NaN among .*images/road\.png'):
        _evaluate([_sample([1., math.nan], [254, 0])])
    _evaluate([_sample([1., math.nan], [254, 255])])


def test_process__names_the_image_that_does_not_fit_its_label():
    with pytest.raises(ValueError, match=r'images/road\.png must have the '
                       r'shape of its label \(1, 3\), got \(1, 2\)'):
        _evaluate([_sample([1., 2.], [254, 0, 0])])


@pytest.mark.parametrize('label', [-1, 256])
def test_process__names_the_image_with_an_id_beyond_8_bit(label):
    low, high = sorted([254, label])
    with pytest.raises(ValueError, match=r'images/road\.png must lie in '
                       rf'\[0, 255\], got ids from {low} to {high}'):
        _evaluate([_sample([1., 2.], [254, label])])


def test_process__names_what_is_missing():
    sample = _sample([1., 2.], [254, 0])
    del sample.pred_anomaly_map
    with pytest.raises(KeyError, match=r'road\.png has no `pred_anomaly_map'):
        _evaluate([sample])
    with pytest.raises(KeyError, match='comes without `gt_sem_seg`'):
        _evaluate([_sample([1., 2.], None)])


def test_process__scorers_may_not_change():
    with pytest.raises(ValueError, match=r"\('rba',\), the images before"):
        _evaluate([
            _sample([1.], [0], msp=None), _sample([1.], [0], rba=None)
        ])


def test_process__two_thousand_images_take_no_more_memory():
    metric = AnomalyMetric()
    rng = np.random.default_rng(0)
    samples = [_sample(rng.normal(size=9) + [3, *[0] * 8], [254, *[0] * 8],
                       f'{index}.png').to_dict() for index in range(10)]
    held = []
    for index in range(2000):
        if index == 500:
            tracemalloc.start()
        if index % 500 == 499:
            held.append(tracemalloc.get_traced_memory()[0])
        metric.process(None, [samples[index % 10]])
    tracemalloc.stop()
    assert held[-1] - held[1] < 20_000  # 20 bytes an image
    assert metric.evaluate(2000)['anomaly/AuPRC'] > 50


def test_init__rejects_what_would_have_no_effect():
    with pytest.raises(ValueError, match='needs `output_dir`, got None'):
        AnomalyMetric(format_only=True)
    with pytest.raises(ValueError, match='`keep_results=False`'):
        AnomalyMetric('maps', keep_results=False)
    with pytest.raises(ValueError, match='needs `summary_path`, got None'):
        AnomalyMetric(per_image=True)
    with pytest.raises(ValueError, match="must be one of .* got 'official'"):
        AnomalyMetric(protocol='official')
    with pytest.raises(TypeError, match='ignor_index'):
        AnomalyMetric(ignor_index=0)


def test_output_dir__receives_float32_maps(tmp_path):
    _evaluate([_sample([.1, 2.], [254, 0], 'a.b.png')],
              output_dir=str(tmp_path / 'maps'), keep_results=True)
    stored = np.load(tmp_path / 'maps' / 'a.b_anomaly.npy')
    assert stored.dtype == np.float32
    assert np.array_equal(stored, np.array([[.1, 2.]], np.float32))


def test_format_only__writes_without_labels(tmp_path, log):
    assert _evaluate([_sample([.1, 2.], None)], output_dir=str(tmp_path),
                     format_only=True) == {}
    assert (tmp_path / 'road_anomaly.npy').exists()
    assert any(str(tmp_path) in message for message in log)


def test_anomaly_metric__serves_beside_iou_in_an_evaluator():
    evaluator = Evaluator([
        ConfigDict(type='mmseg.SemanticIoUMetric'),
        ConfigDict(type='mmseg.AnomalyMetric')
    ])
    evaluator.dataset_meta = {'classes': ('road', 'sky')}
    sample = _sample([2., 1.], [254, 1])
    sample.pred_sem_seg = PixelData(data=torch.ones(1, 1, 2).long())
    evaluator.process([sample])
    values = evaluator.evaluate(1)
    assert values['anomaly/AUROC'] == values['mIoU'] == 100


class _Frames(Dataset):
    metainfo = {'classes': ('road', )}

    def __getitem__(self, index):
        return index

    def __len__(self):
        return 5


def _collate(indices):
    return {'indices': torch.tensor(indices)}


class _Detector(BaseModel):
    """A model whose single parameter becomes its anomaly score."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(-1.))

    def forward(self, indices, mode):
        if mode == 'loss':
            return {'loss': -self.weight}
        score = self.weight.item()
        return [
            _sample([score * (1 + index), 0.], [254, 0], f'{index}.png')
            for index in indices.tolist()
        ]


def test_save_best__keeps_the_checkpoint_of_the_best_auprc(tmp_path):
    loader = {
        'batch_size': 2,
        'num_workers': 0,
        'dataset': _Frames(),
        'sampler': {'type': 'DefaultSampler', 'shuffle': False},
        'collate_fn': _collate
    }
    runner = Runner(
        model=_Detector(),
        work_dir=str(tmp_path),
        train_dataloader=loader,
        val_dataloader=loader,
        train_cfg={'by_epoch': True, 'max_epochs': 3, 'val_interval': 1},
        val_cfg={},
        optim_wrapper={'optimizer': {'type': 'SGD', 'lr': .5}},
        val_evaluator={'type': 'AnomalyMetric'},
        default_hooks={
            'checkpoint': {
                'type': 'CheckpointHook',
                'save_best': 'anomaly/AuPRC',
                'rule': 'greater',
                'interval': -1
            },
            'logger': {'type': 'LoggerHook', 'interval': 9}
        },
        default_scope='mmseg',
        experiment_name='save_best_auprc')
    runner.train()
    best = list(tmp_path.glob('best_anomaly_AuPRC*.pth'))
    assert [path.name for path in best] == ['best_anomaly_AuPRC_epoch_1.pth']


def test_registry__knows_the_metric():
    assert METRICS.get('AnomalyMetric') is AnomalyMetric


def _evaluate_as_rank(size, **kwargs):
    samples = _random_samples(size)
    metric = AnomalyMetric(**kwargs)
    for index in DefaultSampler(samples, shuffle=False):
        metric.process(None, [samples[index].to_dict()])
    return metric.evaluate(size)


def _summary_as_rank(size, protocol):
    _evaluate_as_rank(size, protocol=protocol, per_image=True,
                      summary_path='summary.json',
                      bootstrap=dict(replicates=10))
    torch.distributed.barrier()
    return Path('summary.json').read_text()


def _main():
    """Run as one rank of two; write what each setting gave."""
    rank = int(sys.argv[1])
    torch.distributed.init_process_group(
        'gloo', f'file://{Path.cwd()}/store', rank=rank, world_size=2)
    score_histogram.ScoreHistogram.__init__.__defaults__ = (600, )
    values = {
        str(size): [
            _evaluate_as_rank(size),
            _evaluate_as_rank(size, collect_device='gpu'),
            _evaluate_as_rank(size, collect_dir=str(Path.cwd() / 'parts'))
        ] + [_summary_as_rank(size, protocol)
             for protocol in ('exact', 'smiyc')]
        for size in (1, 4, 5)
    }
    Path(f'{rank}.json').write_text(json.dumps(values))


def test_two_processes__give_the_numbers_of_one(tmp_path, monkeypatch):
    root = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, 'PYTHONPATH': root, 'OMP_NUM_THREADS': '1'}
    processes = [
        subprocess.Popen([sys.executable, __file__, rank], cwd=tmp_path,
                         env=environment) for rank in '01'
    ]
    assert [process.wait(timeout=900) for process in processes] == [0, 0]
    monkeypatch.setattr(score_histogram.ScoreHistogram.__init__,
                        '__defaults__', (600, ))
    for rank in (0, 1):
        values = json.loads((tmp_path / f'{rank}.json').read_text())
        for size, settings in values.items():
            expected = _evaluate(_random_samples(int(size)))
            assert settings[:3] == [expected] * 3
            for text, protocol in zip(settings[3:], ('exact', 'smiyc'),
                                      strict=True):
                path = tmp_path / 'one.json'
                _summary(_random_samples(int(size)), path, protocol=protocol,
                         per_image=True, bootstrap=dict(replicates=10))
                assert text == path.read_text()
            assert len(expected) == 15


if __name__ == '__main__':
    _main()
