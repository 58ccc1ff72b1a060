"""Component metrics against the plain form with a mask for every component.

Both rate the same 100 maps of 1024x2048 pixels at one threshold, in turns,
one thread each; the results have to be equal. The plain form follows the
definition: for each component of truth and prediction it compares whole
images with the number of the component, as the official code does. Maps hold
some 20 objects of 20 to 200 pixels across, the prediction lacks a part of
each and has as many false alarms; ``--noise`` adds single false pixels.

Time is CPU time, without making the maps.

    python benchmarks/bench_components.py [--images 100] [--track obstacle]
"""
import argparse
import time

import cv2
import numpy as np
from scipy import ndimage

from mmseg_anomaly.evaluation.objects import (
    TRACKS,
    ComponentMatches,
    MinSizes,
    component_metrics,
    match_components,
    sum_components,
)

SIZE_HW = (1024, 2048)
EIGHT = np.ones((3, 3), np.uint8)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--images', type=int, default=100)
    parser.add_argument('--track', choices=TRACKS, default='anomaly')
    parser.add_argument('--objects', type=int, default=20)
    parser.add_argument('--noise', type=float, default=1e-4,
                        help='share of single false pixels')
    return parser.parse_args()


def make_image(seed: int, args: argparse.Namespace) -> tuple:
    """Return a predicted mask (bool) and a label (uint8)."""
    rng = np.random.default_rng(seed)
    label = np.zeros(SIZE_HW, np.uint8)
    predicted = (rng.random(SIZE_HW) < args.noise).astype(np.uint8)
    for _ in range(args.objects):
        center = rng.integers(SIZE_HW[::-1])
        axes = rng.integers(10, 100, 2)
        angle = int(rng.integers(180))
        shift = rng.integers(-20, 20, 2)
        _ellipse(label, center, axes, angle)
        _ellipse(predicted, center + shift, axes, angle)
        _ellipse(predicted, rng.integers(SIZE_HW[::-1]), axes // 2, angle)
    label[-100:] = 255
    return predicted.astype(bool), label


def _ellipse(image: np.ndarray, center: np.ndarray, axes: np.ndarray,
             angle: int) -> None:
    cv2.ellipse(image, center.tolist(), axes.tolist(), angle, 0, 360, 1, -1)


def match_plainly(predicted: np.ndarray, label: np.ndarray,
                  min_sizes: MinSizes) -> ComponentMatches:
    """Match by a loop over components with a full-size mask for each."""
    truth, num_truth = ndimage.label(label == 1, EIGHT)
    found, num_found = ndimage.label(predicted & (label != 255), EIGHT)
    for number in range(1, num_found + 1):
        mask = found == number
        if mask.sum() < min_sizes.predicted:
            found[mask] = 0
    valid = label != 255
    for number in range(num_truth + 1):
        mask = truth == number
        if mask.sum() < min_sizes.truth:
            valid[mask] = False
    truth, found = truth * valid, found * valid
    covered = [_rate(truth, found, number)
               for number in np.unique(truth[truth > 0])]
    hit = [_rate(found, truth, number)
           for number in np.unique(found[found > 0])]
    siou, size, _ = np.array(covered).reshape(-1, 3).T
    predicted_siou, predicted_size, ppv = np.array(hit).reshape(-1, 3).T
    return ComponentMatches(siou, size, ppv, predicted_siou, predicted_size)


def _rate(own: np.ndarray, other: np.ndarray, number: int) -> tuple:
    mask = own == number
    touching = np.unique(other[mask & (other > 0)])
    partners = np.isin(other, touching)
    shared = np.count_nonzero(mask & partners)
    elsewhere = np.count_nonzero(partners & (own > 0) & ~mask)
    size = np.count_nonzero(mask)
    union = size + np.count_nonzero(partners) - shared - elsewhere
    return shared / union, size, shared / size


def main() -> None:
    args = parse_args()
    cv2.setNumThreads(1)
    sides = {'plain': match_plainly, 'ours': match_components}
    seconds = dict.fromkeys(sides, 0.)
    sums = {name: [] for name in sides}
    for seed in range(args.images):
        predicted, label = make_image(seed, args)
        for name, match in sides.items():
            start = time.process_time()
            matches = match(predicted, label, TRACKS[args.track])
            sums[name].append(sum_components(matches))
            seconds[name] += time.process_time() - start
    plain, ours = (component_metrics(sums[name]) for name in sides)
    for field in vars(plain):
        expected, value = getattr(plain, field), getattr(ours, field)
        if not np.allclose(value, expected, rtol=0, atol=1e-12):
            raise SystemExit(f'{field} differs: {value} and {expected}')
    print(f'{args.images} maps of {SIZE_HW[0]}x{SIZE_HW[1]}, '
          f'{ours.num_truth} true and {ours.num_predicted} predicted '
          f'components, sIoU {ours.siou:.4f}, PPV {ours.ppv:.4f}, F1 '
          f'{ours.f1:.4f}, equal for both')
    print(f'plain {seconds["plain"]:.2f} s, ours {seconds["ours"]:.2f} s: '
          f'{seconds["plain"] / seconds["ours"]:.1f} times as fast')


if __name__ == '__main__':
    main()
