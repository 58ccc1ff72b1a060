"""Peak memory of an evaluation over 20 and over 200 images.

Each number of images runs in a process of its own and streams through the
metrics as a test loop hands them on, 1024x2048 pixels each. Two peaks of the
resident set: of the whole process, without any model, and of what the images
add to a process that has rated one. Issue trackers of MMSegmentation know test
runs that grow until they are killed.

    python benchmarks/bench_evaluation_memory.py [--metrics anomaly component]
"""
import argparse
import resource
import subprocess
import sys

import numpy as np
import torch
from measure import peak_memory
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from mmseg.registry import METRICS

import mmseg_anomaly  # noqa: F401

SIZE_HW = (1024, 2048)
CASES = {
    'anomaly': dict(type='AnomalyMetric'),
    'bootstrap': dict(type='AnomalyMetric', bootstrap=dict(replicates=50)),
    'smiyc': dict(type='AnomalyMetric', protocol='smiyc'),
    'component': dict(type='ComponentMetric')
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--metrics', nargs='+', choices=CASES,
                        default=['anomaly'])
    parser.add_argument('--images', nargs='+', type=int, default=[20, 200])
    parser.add_argument('--worker', action='store_true')
    return parser.parse_args()


def run(metric: BaseMetric, images: int) -> None:
    """Evaluate images that share one buffer, as a test loop's batches do."""
    noise = torch.randn(1, *SIZE_HW)
    label = torch.zeros(1, *SIZE_HW, dtype=torch.long)
    label[:, 400:500, 300:600] = 254
    for index in range(images):
        shift = int(np.random.default_rng(index).integers(SIZE_HW[1]))
        scores = (noise.roll(shift, 2) + index % 7 +
                  3 * (label == 254)).sigmoid()
        metric.process(None, [{
            'img_path': f'{index}.png',
            'pred_anomaly_map': {'data': scores},
            'gt_sem_seg': {'data': label}
        }])
    metric.evaluate(images)


def work(case: str, images: int) -> None:
    torch.set_num_threads(1)
    MMLogger.get_instance('bench', log_level='ERROR')
    metric = METRICS.build(CASES[case])
    run(metric, 1)
    added = peak_memory(lambda: run(metric, images)) / 1e6
    whole = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(whole, added)


def main() -> None:
    args = parse_args()
    if args.worker:
        work(args.metrics[0], args.images[0])
        return
    for case in args.metrics:
        peaks = []
        for images in args.images:
            result = subprocess.run(
                [sys.executable, __file__, '--worker', '--metrics', case,
                 '--images', str(images)], check=True, text=True,
                stdout=subprocess.PIPE)
            peaks.append([float(x) for x in result.stdout.split()[-2:]])
        for name, (first, *_, last) in zip(('process', 'added'),
                                           zip(*peaks, strict=True),
                                           strict=True):
            print(f'{case}, {name}: {first:.0f} MB for {args.images[0]} '
                  f'images, {last:.0f} MB for {args.images[-1]}: ratio '
                  f'{last / first:.3f}')


if __name__ == '__main__':
    main()
