"""The life cycle of a metric, over batches, images and processes."""
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.dataset import DefaultSampler
from test_evaluation.conftest import (
    evaluate,
    make_sample,
    random_samples,
    square_sample,
)

from mmseg_anomaly.evaluation import (
    AnomalyMetric,
    ComponentMetric,
    ThresholdMetric,
)
from mmseg_anomaly.evaluation.metrics import streaming_metric
from mmseg_anomaly.evaluation.metrics.streaming_metric import StreamingMetric
from mmseg_anomaly.evaluation.pixels import score_histogram


class Names(StreamingMetric):
    """Keeps the name of every image that is counted."""

    default_prefix = 'seen'

    def reset(self):
        self.names = []

    def add_image(self, name, label, maps):
        self.names.append(name)

    def finish_images(self):
        self.finished = list(self.names)

    def parts(self):
        yield self.names

    def merge(self, part):
        self.names.extend(part)

    def compute(self):
        return {'images': float(self.num_images)}


def _counted(monkeypatch, size, added, rank=0, world_size=1):
    monkeypatch.setattr(streaming_metric, 'get_dist_info',
                        lambda: (rank, world_size))
    metric = Names()
    metric.gather = lambda parts, merge: None
    for image in added:
        metric.process(None, [make_sample([1.], [0], str(image)).to_dict()])
    metric.evaluate(size)
    assert metric.names == []  # nothing is left to count
    return [int(Path(name).name) for name in metric.finished]


def test_padding__one_process_counts_everything(monkeypatch):
    assert _counted(monkeypatch, 3, [0, 1, 2]) == [0, 1, 2]


@pytest.mark.parametrize('rank, size, added, expected', [
    (0, 5, [0, 2, 4], [0, 2, 4]), (1, 5, [1, 3, 0], [1, 3]),
    (1, 6, [1, 3, 5], [1, 3, 5]), (1, 1, [0], []), (0, 0, [], [])])
def test_padding__of_two_processes_the_repetition_is_dropped(
        monkeypatch, rank, size, added, expected):
    assert _counted(monkeypatch, size, added, rank, 2) == expected


def test_evaluate__names_values_by_the_prefix_and_forgets_the_images():
    samples = [make_sample([1.], [0], f'{i}.png') for i in range(3)]
    assert evaluate(Names(), samples) == {'seen/images': 3}
    metric = Names(prefix='other')
    assert evaluate(metric, samples) == {'other/images': 3}
    assert evaluate(metric, samples[:1]) == {'other/images': 1}


def _noisy_squares(count):
    """Objects that no threshold tells from the rest: each process alone
    would choose another one."""
    samples = []
    for index in range(count):
        sample = square_sample(index)
        noise = cv2.blur(np.random.default_rng(index).random((40, 60)),
                         (7, 7))
        labels = sample.gt_sem_seg.data[0].numpy()
        samples.append(make_sample(None, labels, f'{index}.png',
                                   rba=(labels == 254) * .1 + noise,
                                   msp=(labels == 254) * .05 + noise))
    return samples


SETTINGS = (
    (ComponentMetric, _noisy_squares, dict(track='obstacle')),
    (AnomalyMetric, random_samples, dict()),
    (AnomalyMetric, random_samples, dict(collect_device='gpu')),
    (AnomalyMetric, random_samples, dict(collect_dir='parts')),
    (AnomalyMetric, random_samples, dict(
        per_image=True, summary_path='exact.json',
        bootstrap=dict(replicates=10))),
    (AnomalyMetric, random_samples, dict(
        protocol='smiyc', per_image=True, summary_path='smiyc.json',
        bootstrap=dict(replicates=10))),
    (ComponentMetric, lambda n: [square_sample(i) for i in range(n)],
     dict(track='obstacle', spool_dir='spool')),
    (ComponentMetric, lambda n: [square_sample(i) for i in range(n)],
     dict(track='obstacle', protocol='smiyc', collect_device='gpu')),
    (ComponentMetric, lambda n: [square_sample(i) for i in range(n)],
     dict(track='obstacle', threshold=.5, scorers=['msp'])),
    (ThresholdMetric, random_samples, dict(fpr=.1, path='cpu.json')),
    (ThresholdMetric, random_samples, dict(
        tpr=.9, path='gpu.json', collect_device='gpu')),
)
SIZES = (1, 2, 4, 5)


def _values(metric_type, make, options, size):
    """The numbers of a process, and the files they come with."""
    samples = make(size)
    metric = metric_type(**options)
    for index in DefaultSampler(samples, shuffle=False):
        metric.process(None, [samples[index].to_dict()])
    values = repr(metric.evaluate(size))
    if torch.distributed.is_initialized():
        torch.distributed.barrier()
    path = Path(options.get('summary_path') or options.get('path', 'none'))
    return values + (path.read_text() if path.is_file() else '')


def _all_values():
    # a low limit, so that scores are merged
    score_histogram.ScoreHistogram.__init__.__defaults__ = (600, )
    return [_values(*setting, size) for size in SIZES for setting in SETTINGS]


def _main():
    """Run as one process of two, or alone; write what each setting gave."""
    rank, world_size = map(int, sys.argv[1:])
    if world_size > 1:
        torch.distributed.init_process_group(
            'gloo', f'file://{Path.cwd()}/store', rank=rank,
            world_size=world_size)
    Path(f'values{rank}.json').write_text(json.dumps(_all_values()))


def _run(folder, world_size):
    folder.mkdir()
    tests = Path(__file__).resolve().parents[2]
    environment = {**os.environ, 'OMP_NUM_THREADS': '1',
                   'PYTHONPATH': f'{tests.parent}{os.pathsep}{tests}'}
    processes = [
        subprocess.Popen(
            [sys.executable, __file__, str(rank), str(world_size)],
            cwd=folder, env=environment) for rank in range(world_size)
    ]
    assert [process.wait(timeout=900) for process in processes] == (
        [0] * world_size)
    return [json.loads((folder / f'values{rank}.json').read_text())
            for rank in range(world_size)]


def test_two_processes__give_the_digits_and_files_of_one(tmp_path):
    expected, = _run(tmp_path / 'one', 1)
    assert len(expected) == len(SIZES) * len(SETTINGS)
    assert any('energy/AuPRC' in text for text in expected)
    assert _run(tmp_path / 'two', 2) == [expected] * 2
    assert list((tmp_path / 'two' / 'spool').iterdir()) == []


if __name__ == '__main__':
    _main()
