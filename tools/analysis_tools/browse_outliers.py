"""Show what a config pastes onto its training images.

The training pipeline runs up to OutlierPaste, on random images:

    OUT/sheet.jpg        images with objects, next to their labels
    OUT/statistics.png   categories, sizes, places, size by row of the foot
    OUT/statistics.json  the counts, and how many objects fitted nowhere
"""
import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import mmengine
import numpy as np
from matplotlib.figure import Figure
from mmengine.config import Config, ConfigDict
from mmengine.logging import MMLogger
from mmseg.registry import DATASETS
from mmseg.utils import register_all_modules

import mmseg_anomaly  # noqa: F401
from mmseg_anomaly.checks import integer_option
from mmseg_anomaly.class_names import class_colors
from mmseg_anomaly.datasets.outliers.open_sources import (
    find_datasets,
    find_pastes,
)
from mmseg_anomaly.datasets.samplers import SeededIndex
from mmseg_anomaly.engine.config_options import (
    CheckedDictAction,
    merge_options,
    read_config,
)
from mmseg_anomaly.engine.run_tool import ToolParser, run_tool
from mmseg_anomaly.labels import OUTLIER_INDEX
from mmseg_anomaly.paths import write_picture
from mmseg_anomaly.progress import with_progress
from mmseg_anomaly.safe_writing import check_outputs
from mmseg_anomaly.visualization.panels import (
    legend,
    legend_entries,
    outline,
    paint_ground_truth,
    shrink,
    side_by_side,
)

SHEET, PLOT, COUNTS = OUTPUTS = (
    'sheet.jpg', 'statistics.png', 'statistics.json')
SHOWN_CATEGORIES = 25


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = ToolParser(
        description='Show what a config pastes onto its training images')
    parser.add_argument('config', help='train config with OutlierPaste')
    parser.add_argument('-o', '--out', type=Path,
                        help='default: work_dirs/CONFIG/outliers')
    parser.add_argument(
        '--num-samples', type=integer_option(low=1), default=200,
        help='images for the statistics (default: %(default)s)')
    parser.add_argument(
        '--num-shown', type=integer_option(low=1), default=16,
        help='images with objects on the sheet (default: %(default)s)')
    parser.add_argument('--columns', type=integer_option(low=1), default=2,
                        help='of the sheet (default: %(default)s)')
    parser.add_argument(
        '--side', type=integer_option(low=1), default=480,
        help='longer side of an image on the sheet, in pixels '
        '(default: %(default)s)')
    parser.add_argument('--seed', type=integer_option(low=0), default=0)
    parser.add_argument(
        '--cfg-options', nargs='+', action=CheckedDictAction,
        help='overrides of the config')
    args = parser.parse_args(argv)
    if args.out is None:
        args.out = Path('work_dirs', Path(args.config).stem, 'outliers')
    return args


def dataset_of(cfg: Config) -> ConfigDict:
    """Return the training set, its pipeline cut behind OutlierPaste.

    Of wrapped datasets it is the outermost of which the pipeline pastes, and
    the first of several siblings. A step that has OutlierPaste
    inside of it, such as RandomApply, stays whole.

    Raises:
        ValueError: If none pastes.
    """
    types = []
    for dataset_cfg in find_datasets(cfg.train_dataloader.dataset):
        pipeline = dataset_cfg.get('pipeline', [])
        for end, step in enumerate(pipeline, 1):
            if find_pastes(step):
                dataset_cfg.pipeline = pipeline[:end]
                return dataset_cfg
        types += [step.type for step in pipeline]
    raise ValueError('the training pipeline must contain OutlierPaste, got '
                     f'{types}; choose a config that pastes, such as *_oe.py')


def collect_samples(dataset: object, num_samples: int, num_shown: int,
                    seed: int) -> tuple[list[dict], list[dict], Counter]:
    """Return records of all objects, samples to show, and counts."""
    records, shown, counts = [], [], Counter()
    numbers = np.random.default_rng(seed).integers(
        len(dataset), size=num_samples)
    numbers = with_progress(numbers.tolist(), 'sampling images')
    for row, number in enumerate(numbers):
        sample = dataset[SeededIndex(number, (seed, row))]
        height, width = sample['img'].shape[:2]
        outliers = sample.get('outliers', [])  # RandomApply may skip it
        counts.update(images=1, images_with_objects=bool(outliers),
                      objects=len(outliers),
                      skipped_objects=sample.get('outliers_skipped', 0))
        for outlier in outliers:
            left, _, right, bottom = outlier['box_xyxy']
            records.append(dict(
                category=outlier['category'], scale=outlier['scale'],
                foot_x=(left + right) / 2 / width, foot_y=bottom / height))
        if outliers and len(shown) < num_shown:
            shown.append(sample)
    return records, shown, counts


def make_sheet(samples: list[dict], classes: Sequence[str],
               palette: Sequence[Sequence[int]] | None, columns: int,
               side_px: int) -> np.ndarray:
    """Return all samples, each next to its labels, (H, W, 3) RGB."""
    colors = class_colors(len(classes), palette)
    tiles, labels = [], []
    for sample in samples:
        image = shrink(sample['img'][..., ::-1].copy(), side_px)
        label = shrink(sample['gt_seg_map'], side_px, keep_values=True)
        labels.append(label)
        tiles.append(side_by_side([
            outline(image, label == OUTLIER_INDEX),
            paint_ground_truth(image, label, colors, 0.5)
        ]))
    height, width = np.max([tile.shape[:2] for tile in tiles], axis=0) + 4
    num_cells = len(tiles) + -len(tiles) % columns
    cells = np.zeros((num_cells, height, width, 3), np.uint8)
    for cell, tile in zip(cells, tiles, strict=False):
        cell[:tile.shape[0], :tile.shape[1]] = tile
    rows = [np.concatenate(cells[start:start + columns], axis=1)
            for start in range(0, num_cells, columns)]
    rows.append(legend(rows[0].shape[1],
                       legend_entries(labels, classes, colors)))
    return np.concatenate(rows)


def plot_statistics(records: list[dict], path: Path) -> None:
    matplotlib.use('Agg')
    figure = Figure(figsize=(12, 9), layout='constrained')
    (bars, sizes), (places, rows) = figure.subplots(2, 2)
    scale, foot_x, foot_y = (
        np.array([record[key] for record in records])
        for key in ('scale', 'foot_x', 'foot_y'))
    common = Counter(record['category'] for record in records).most_common(
        SHOWN_CATEGORIES)[::-1]
    bars.barh([name for name, _ in common], [count for _, count in common])
    bars.set_title(f'objects by category, the first {SHOWN_CATEGORIES}')
    sizes.hist(scale, 30)
    sizes.set_title("longer side by the image's shorter side")
    places.hist2d(foot_x, foot_y, 24, range=[[0, 1], [0, 1]])
    places.invert_yaxis()
    places.set_title('where the feet stand, by width and height')
    rows.plot(foot_y, scale, '.', markersize=3)
    rows.set_xlabel('row of the foot by height')
    rows.set_title('size by row')
    figure.savefig(path, dpi=80)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    check_outputs([args.out / name for name in OUTPUTS], [args.config])
    register_all_modules(init_default_scope=True)
    cfg = read_config(args.config, holds_model=False)
    merge_options(cfg, args.cfg_options)
    dataset = DATASETS.build(dataset_of(cfg))
    np.random.seed(args.seed)
    records, shown, counts = collect_samples(
        dataset, args.num_samples, args.num_shown, args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    categories = Counter(record['category'] for record in records)
    mmengine.dump(
        dict(counts=counts, categories=dict(categories.most_common())),
        args.out / COUNTS, indent=1)
    if records:
        plot_statistics(records, args.out / PLOT)
        sheet = make_sheet(shown, dataset.metainfo['classes'],
                           dataset.metainfo.get('palette'), args.columns,
                           args.side)
        write_picture(args.out / SHEET, sheet[..., ::-1])
    MMLogger.get_instance('browse_outliers').info(
        f'{dict(counts)} in {args.out}')


if __name__ == '__main__':
    run_tool(main)
