"""Time and memory of AnomalyMetric against scikit-learn on 50 million pixels.

Each side runs in a process of its own, the two after each other, on the same
files of 24 images of 1024x2048 pixels. Ours is the whole metric, from data
samples to the log; scikit-learn's side is ``average_precision_score`` and
``roc_curve`` on arrays that already hold all valid pixels, with
``drop_intermediate=False`` since the default may drop the threshold of
FPR95. Time is CPU time, which is wall time on an idle machine, both sides
running in one thread. Memory is the peak of the resident set above that of a
process that has run a small image and holds one data sample; scikit-learn's
side has to hold all pixels, ours does not.

Cases: ``clumped`` has half of its pixels within 1e-5 of 1; ``saturated`` is
a sigmoid with a clump at 1 and tails through all octaves; ``smooth`` varies
slowly over the image like the upsampled output of a network; ``normal`` is
independent noise, where nearly every pixel has a score of its own.

    python benchmarks/bench_anomaly_metric.py [--images 24] [--cases clumped]
"""
import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

SIZE_HW = (1024, 2048)
CASES = ('clumped', 'saturated', 'smooth', 'normal')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--images', type=int, default=24)
    parser.add_argument('--cases', nargs='+', choices=CASES, default=CASES)
    parser.add_argument('--runs', type=int, default=3,
                        help='of ours, of which the median is taken')
    parser.add_argument('--worker', choices=('ours', 'sklearn', 'write'))
    parser.add_argument('--folder', type=Path)
    return parser.parse_args()


def make_image(case: str, rng: np.random.Generator) -> tuple:
    """Return scores float32 and stored labels uint8 of one image."""
    rows, columns = SIZE_HW
    blocks = rng.random((rows // 32, columns // 32)) < .02
    anomaly = np.kron(blocks, np.ones((32, 32), bool))
    noise = rng.standard_normal(SIZE_HW, np.float32)
    if case == 'clumped':
        spread = np.where(anomaly, 1e-5, 2e-5).astype(np.float32)
        scores = 1 - spread * noise**2
    elif case == 'saturated':
        scores = 1 / (1 + np.exp(-(8 + 4 * noise + 4 * anomaly)))
    elif case == 'smooth':
        coarse = rng.standard_normal((rows // 16 + 1, columns // 16 + 1))
        scores = 1 / (1 + np.exp(-enlarge(coarse) - anomaly))
    else:
        scores = noise + 2 * anomaly
    labels = np.where(anomaly, 254, rng.integers(0, 19, SIZE_HW))
    labels[:40] = 255
    return scores.astype(np.float32), labels.astype(np.uint8)


def enlarge(coarse: np.ndarray) -> np.ndarray:
    """Enlarge 16 times, bilinearly."""
    for _ in range(2):
        steps = np.arange(16, dtype=np.float32)[:, None, None] / 16
        between = coarse[:-1] * (1 - steps) + coarse[1:] * steps
        coarse = between.transpose(1, 0, 2).reshape(-1, coarse.shape[1]).T
    return coarse


def write(folder: Path, case: str, images: int) -> None:
    rng = np.random.default_rng(0)
    (folder / 'small').mkdir()
    for part in make_image(case, rng):  # a strip is enough
        name = 'score' if part.dtype == np.float32 else 'label'
        part[:64].tofile(folder / 'small' / f'0.{name}')
    for index in range(images):
        scores, labels = make_image(case, rng)
        scores.tofile(folder / f'{index}.score')
        labels.tofile(folder / f'{index}.label')


def read(folder: Path, index: int) -> tuple:
    return (np.fromfile(folder / f'{index}.score', np.float32),
            np.fromfile(folder / f'{index}.label', np.uint8))


def memory(name: str) -> float:
    """Return VmRSS or its peak VmHWM in MB."""
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024 / 1e6
    raise OSError(f'no {name} in /proc/self/status: this needs Linux')


def run_ours() -> Callable:
    import torch
    from mmengine.logging import MMLogger

    from mmseg_anomaly.evaluation import AnomalyMetric
    torch.set_num_threads(1)
    MMLogger.get_instance('bench', log_level='WARNING')

    # One sample serves all images, as it belongs to the test loop.
    maps = torch.ones(1, *SIZE_HW), torch.ones(1, *SIZE_HW).long()

    def run(folder: Path, images: int) -> tuple[float, dict]:
        metric, seconds = AnomalyMetric(), []
        for index in range(images):
            parts = [torch.from_numpy(x.reshape(1, -1, SIZE_HW[1]))
                     for x in read(folder, index)]
            scores, labels = (
                old[:, :new.shape[1]].copy_(new)
                for old, new in zip(maps, parts, strict=True))
            del parts
            sample = {'img_path': str(index), 'pred_anomaly_map':
                      {'data': scores}, 'gt_sem_seg': {'data': labels}}
            start = time.process_time()
            metric.process(None, [sample])
            seconds.append(time.process_time() - start)
        start = time.process_time()
        values = metric.evaluate(images)
        last = time.process_time() - start
        values |= {'median_ms': 1e3 * statistics.median(seconds),
                   'slowest_ms': 1e3 * max(seconds)}
        return sum(seconds) + last, values

    return run


def run_sklearn() -> Callable:
    from sklearn.metrics import average_precision_score, roc_curve

    def run(folder: Path, images: int) -> tuple[float, dict]:
        parts = [read(folder, index) for index in range(images)]
        scores = np.concatenate([s[y < 255] for s, y in parts])
        labels = np.concatenate([y[y < 255] == 254 for _, y in parts])
        del parts
        start = time.process_time()
        precision = average_precision_score(labels, scores)
        fpr, tpr, _ = roc_curve(labels, scores, drop_intermediate=False)
        seconds = time.process_time() - start
        return seconds, {
            'anomaly/AuPRC': 100 * precision,
            'anomaly/FPR95': 100 * fpr[np.argmax(tpr >= .95)]
        }

    return run


def work(args: argparse.Namespace) -> None:
    """Run one side and print what it took as JSON."""
    run = run_ours() if args.worker == 'ours' else run_sklearn()
    run(args.folder / 'small', 1)
    start = memory('VmRSS')
    Path('/proc/self/clear_refs').write_text('5')  # forget earlier peaks
    runs = [run(args.folder, args.images) for _ in range(args.runs)]
    seconds = sorted(seconds for seconds, _ in runs)[len(runs) // 2]
    print(json.dumps([seconds, memory('VmHWM') - start, runs[0][1]]))


def start_worker(worker: str, folder: Path, case: str,
                 args: argparse.Namespace) -> list | None:
    runs = args.runs if worker == 'ours' else 1
    result = subprocess.run(
        [sys.executable, __file__, '--worker', worker, '--folder',
         str(folder), '--cases', case, '--images', str(args.images),
         '--runs', str(runs)], check=True, stdout=subprocess.PIPE, text=True)
    lines = result.stdout.splitlines()
    return json.loads(lines[-1]) if worker != 'write' else None


def compare(case: str, args: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        start_worker('write', Path(folder), case, args)
        ours = start_worker('ours', Path(folder), case, args)
        theirs = start_worker('sklearn', Path(folder), case, args)
    errors = [abs(ours[2][key] - theirs[2][key]) for key in theirs[2]]
    print(f'{case:10s} {ours[0]:7.2f} s {theirs[0]:7.2f} s'
          f' {theirs[0] / ours[0]:6.1f}x  {ours[1]:6.0f} MB'
          f' {theirs[1]:6.0f} MB {theirs[1] / ours[1]:6.1f}x'
          f'  AuPRC off by {errors[0]:.1e}, FPR95 by {errors[1]:.1e} points;'
          f' a map {ours[2]["median_ms"]:.0f} ms (median),'
          f' {ours[2]["slowest_ms"]:.0f} ms (slowest)')


def main() -> None:
    args = parse_args()
    if args.worker == 'write':
        write(args.folder, args.cases[0], args.images)
    elif args.worker:
        work(args)
    else:
        pixels = args.images * SIZE_HW[0] * SIZE_HW[1] / 1e6
        print(f'{pixels:.1f} million pixels: time and memory of AnomalyMetric,'
              ' of scikit-learn, and ratios')
        for case in args.cases:
            compare(case, args)


if __name__ == '__main__':
    main()
