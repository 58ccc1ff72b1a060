"""Time the index of CocoOutliers on instances made for the run.

Wanted for 100 000 instances: made within 30 s, opened within 1 s, at most
200 bytes an instance in a worker. Times are CPU time of the process. Memory
is what opening the index and reading 500 masks adds to the pages that a
process has written and shares with nobody; the pages of the mapped file are
one copy for all workers, and the system may drop them.

    python benchmarks/bench_outlier_index.py [--instances 100000]
"""
import argparse
import json
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from mmseg_anomaly.datasets.outliers.coco_filters import (
    CocoFilters,
    select_rows,
)
from mmseg_anomaly.datasets.outliers.coco_index import open_coco_index

PER_IMAGE = 7  # as in COCO
NUM_CORNERS = (12, 60)  # of a polygon
IMAGE_HW = (480, 640)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--instances', type=int, default=100_000)
    return parser.parse_args()


def make_json(path: Path, num_instances: int) -> None:
    """Write star-shaped polygons of sizes as in COCO."""
    generator = np.random.default_rng(0)
    num_images = -(-num_instances // PER_IMAGE)
    images = [dict(id=number, file_name=f'{number:012d}.jpg',
                   height=IMAGE_HW[0], width=IMAGE_HW[1])
              for number in range(num_images)]
    annotations = []
    for number in range(num_instances):
        corners = int(generator.integers(*NUM_CORNERS))
        angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
        radius = np.exp(generator.uniform(np.log(6), np.log(150)))
        radius = radius * generator.uniform(0.6, 1, corners)
        center = generator.uniform(0, IMAGE_HW[::-1])
        outline = center + radius[:, None] * np.stack(
            (np.cos(angle), np.sin(angle)), axis=1)
        outline = np.clip(outline, 0, IMAGE_HW[::-1]).round(2)
        annotations.append(dict(
            id=number, image_id=number // PER_IMAGE, iscrowd=0,
            category_id=int(generator.integers(80)),
            segmentation=[outline.ravel().tolist()]))
    categories = [dict(id=row, name=f'thing {row}') for row in range(80)]
    path.write_text(json.dumps(dict(
        images=images, annotations=annotations, categories=categories)))


def private_bytes() -> int:
    """Return what a process has written and shares with nobody."""
    lines = Path('/proc/self/smaps_rollup').read_text().splitlines()
    return sum(1024 * int(line.split()[1]) for line in lines
               if line.startswith('Private_Dirty'))


def open_in_worker(ann_file: Path, cache_dir: Path) -> tuple[float, int, int]:
    """Return seconds, bytes and selected instances of a worker."""
    before = private_bytes()
    start = time.process_time()
    index = open_coco_index(ann_file, cache_dir)
    rows, _ = select_rows(index, CocoFilters(), ann_file)
    seconds = time.process_time() - start
    for row in rows[::max(1, len(rows) // 500)]:
        index.decode_mask(row)
    return seconds, private_bytes() - before, len(rows)


def main() -> None:
    args = parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ann_file = Path(folder, 'instances.json')
        make_json(ann_file, args.instances)
        start = time.process_time()
        open_coco_index(ann_file, Path(folder))
        made = time.process_time() - start
        with get_context('spawn').Pool(1) as pool:
            seconds, num_bytes, num_rows = pool.apply(
                open_in_worker, (ann_file, Path(folder)))
        size = next(Path(folder).glob('*.index')).stat().st_size
        print(f'{args.instances} instances, json of '
              f'{ann_file.stat().st_size / 1e6:.0f} MB')
    print(f'making the index   {made:6.1f} s\n'
          f'opening it         {seconds:6.2f} s, {num_rows} pass the filters\n'
          f'private memory     {num_bytes / args.instances:6.0f} bytes an '
          f'instance\nfile, shared       {size / args.instances:6.0f} bytes '
          'an instance')


if __name__ == '__main__':
    main()
