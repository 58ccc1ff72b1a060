"""Look at a dataset before any number computed on it is believed.

Reads every image and raw label file of the test set of a config and prints
what it found against what is expected. Writes the same as audit.txt, and
contact_sheet.jpg: anomalies red, void dark. Anything doubtful is listed, and
the exit code is then 1.
"""
import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import cv2
import mmcv
import mmengine
import numpy as np
from mmengine.dataset import BaseDataset
from mmseg.registry import DATASETS
from mmseg.utils import register_all_modules
from prettytable import PrettyTable

import mmseg_anomaly  # noqa: F401
from mmseg_anomaly.checks import integer_option
from mmseg_anomaly.datasets.benchmarks.anomaly_dataset import AnomalyDataset
from mmseg_anomaly.datasets.label_files import read_label, stored_ids
from mmseg_anomaly.datasets.non_empty_dataset import NonEmptyDataset
from mmseg_anomaly.datasets.pairs import unpaired_files
from mmseg_anomaly.datasets.sample_audit import (
    SampleAudit,
    audit_sample,
    unknown_ids,
)
from mmseg_anomaly.engine.config_options import (
    CheckedDictAction,
    merge_options,
    read_config,
)
from mmseg_anomaly.engine.run_tool import ToolParser, run_tool
from mmseg_anomaly.labels import IGNORE_INDEX, KNOWN_INDEX, split_outliers
from mmseg_anomaly.paths import printable, write_picture
from mmseg_anomaly.safe_writing import check_outputs

REPORT, SHEET = 'audit.txt', 'contact_sheet.jpg'
TILE_WH = (320, 180)
CAPTION_PX = 20
NAMES = {0: 'normal', 1: 'anomaly', IGNORE_INDEX: 'void'}


def without_anomaly(audits: list[SampleAudit]) -> list[str]:
    """Return the names of the images whose readable label has none."""
    return [x.name for x in audits
            if x.table is not None and not x.pixels(1)]


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = ToolParser(description='Audit a test set')
    parser.add_argument('config', help='a config with `test_dataloader`, '
                        'such as those of configs/benchmarks')
    parser.add_argument(
        '--cfg-options', nargs='+', action=CheckedDictAction,
        help='override settings of the config by key=value, such as '
        'test_dataloader.dataset.data_root=data/RoadAnomaly')
    parser.add_argument(
        '--max-tiles', type=integer_option(low=1), default=40,
        help='images on the contact sheet, doubtful ones first')
    parser.add_argument(
        '-o', '--out', type=Path,
        help='folder of the results, default: work_dirs/audit/CONFIG')
    args = parser.parse_args(argv)
    if args.out is None:
        args.out = Path('work_dirs', 'audit', Path(args.config).stem)
    return args


def build_dataset(args: argparse.Namespace) -> BaseDataset:
    """Build the test set, a part of it or of its labels if need be."""
    cfg = read_config(args.config, holds_model=False)
    merge_options(cfg, args.cfg_options)
    dataset_cfg = cfg.test_dataloader.dataset
    dataset_cfg.pipeline = []
    if issubclass(DATASETS.get(dataset_cfg.type), AnomalyDataset):
        dataset_cfg.allow_partial = True
        dataset_cfg.allow_unlabelled = True
    if issubclass(DATASETS.get(dataset_cfg.type), NonEmptyDataset):
        dataset_cfg.allow_unpaired = True
    return DATASETS.build(dataset_cfg)


def doubts_of_set(dataset: BaseDataset,
                  audits: list[SampleAudit]) -> list[str]:
    """Return what is doubtful about the whole, then about each image."""
    doubts = []
    if dataset.metainfo.get('partial'):
        doubts.append(f'the set is partial: {dataset.metainfo["partial"]}')
    if dataset.metainfo.get('version') == 'unknown':
        doubts.append('which of its versions it is cannot be seen; say it by '
                      '`version`')
    known = split_of(dataset).get('images_without_anomaly')
    without = without_anomaly(audits)
    if known is not None and len(without) != known:
        doubts.append(f'{known} of its images have no anomaly, found '
                      f'{len(without)}: {shorten(without)}')
    if known is None and not any(x.pixels(1) for x in audits):
        doubts.append('no image has an anomaly')
    anomaly, normal = (sum(x.pixels(kind) for x in audits) for kind in (1, 0))
    if anomaly > normal:
        doubts.append('most pixels are anomalies; the labels may be inverted')
    if type(dataset).load_data_list is BaseDataset.load_data_list:
        doubts += unpaired_files(dataset, [audit.info for audit in audits])
    return doubts + [text for audit in audits for text in audit.doubts]


def split_of(dataset: BaseDataset) -> dict:
    """Return what is declared of a benchmark's split, or nothing."""
    return vars(dataset.split) if isinstance(dataset, AnomalyDataset) else {}


def void_by_design(dataset: BaseDataset) -> tuple[int, ...]:
    """Return the positions of the images that the whole set leaves void."""
    split = split_of(dataset)
    whole = len(dataset) == split.get('length')
    return split['void_positions'] if whole else ()


def shorten(names: Sequence[str], limit: int = 5) -> str:
    more = len(names) - limit
    return printable(', '.join(names[:limit])) + (
        f' and {more} more' if more > 0 else '')


def overview(dataset: BaseDataset,
             audits: list[SampleAudit]) -> PrettyTable:
    table = PrettyTable(['', type(dataset).__name__], align='l')
    table.add_row(['folder', dataset.data_root])
    for key in ('split', 'layout', 'version'):
        if key in dataset.metainfo:
            table.add_row([key, dataset.metainfo[key]])
    expected = split_of(dataset).get('length')
    table.add_row(['images expected',
                   'not declared' if expected is None else expected])
    table.add_row(['images found', len(audits)])
    one_value = [x.name for x in audits if (x.raw_pixels > 0).sum() == 1]
    no_file = [x.name for x in audits if not x.has_label_file]
    for title, names in (('without label file', no_file),
                         ('without anomaly', without_anomaly(audits)),
                         ('labels of one value', one_value)):
        table.add_row([title, f'{len(names)}  {shorten(names)}'.strip()])
    sizes = Counter('x'.join(map(str, x.size_wh)) if x.size_wh else 'broken'
                    for x in audits)
    for size, count in sizes.most_common():
        table.add_row(['size', f'{size} (w x h): {count}'])
    total = max(1, sum(int(x.raw_pixels.sum()) for x in audits))
    for kind, name in NAMES.items():
        count = sum(x.pixels(kind) for x in audits)
        table.add_row([f'{name} pixels', f'{count} ({count / total:.3%})'])
    return table


def histogram(audits: list[SampleAudit], num_classes: int) -> PrettyTable:
    """Return the raw ids of the label files, and what becomes of them."""
    table = PrettyTable(['raw id', 'stored id', 'means', 'pixels', 'images'],
                        align='r')
    images = sum((x.raw_pixels > 0).astype(int) for x in audits)
    pixels = sum(x.raw_pixels for x in audits)
    stored = stored_ids(audits[0].info['label_map'])
    meaning = split_outliers(stored)[1]
    raw_ids = np.flatnonzero(pixels)
    unknown = unknown_ids(raw_ids, audits[0].info, num_classes)
    for raw_id in raw_ids:
        if raw_id in unknown:
            means = 'nothing'
        elif stored[raw_id] < KNOWN_INDEX:
            means = 'class'
        else:
            means = NAMES[int(meaning[raw_id])]
        table.add_row([raw_id, stored[raw_id], means, pixels[raw_id],
                       images[raw_id]])
    return table


def contact_sheet(audits: list[SampleAudit], max_tiles: int) -> np.ndarray:
    """Return pictures of some images, BGR; doubtful ones come first."""
    doubtful = [x for x in audits if x.doubts]
    rest = [x for x in audits if not x.doubts]
    count = min(max(0, max_tiles - len(doubtful)), len(rest))
    places = np.linspace(0, len(rest) - 1, count)
    chosen = doubtful[:max_tiles] + [rest[round(x)] for x in places]
    tiles, columns = [tile(audit) for audit in chosen], min(len(chosen), 5)
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    rows = [np.concatenate(tiles[start:start + columns], axis=1)
            for start in range(0, len(tiles), columns)]
    return np.concatenate(rows)


def tile(audit: SampleAudit) -> np.ndarray:
    """Return a small picture with the name of its image below."""
    picture = np.full((TILE_WH[1] + CAPTION_PX, TILE_WH[0], 3), 40, np.uint8)
    if audit.size_wh is not None:
        stored = mmcv.imread(audit.info['img_path'],
                             'color_ignore_orientation')
        image = cv2.resize(stored, TILE_WH,
                           interpolation=cv2.INTER_AREA)
        if audit.table is not None:
            paint(image, split_outliers(audit.table)[1][read_label(
                audit.info['seg_map_path'])])
        picture[:TILE_WH[1]] = image
    color = (80, 80, 255) if audit.doubts else (255, 255, 255)
    cv2.putText(picture, audit.name[-40:], (4, TILE_WH[1] + 14),
                cv2.FONT_HERSHEY_SIMPLEX, 0.4, color, 1, cv2.LINE_AA)
    return picture


def paint(image: np.ndarray, label: np.ndarray) -> None:
    """Tint anomalies and darken void, however small they have become."""
    share = {
        kind: cv2.resize((label == kind).astype(np.float32), TILE_WH,
                         interpolation=cv2.INTER_AREA)
        for kind in (1, IGNORE_INDEX)
    }
    void, anomaly = share[IGNORE_INDEX] > 0.5, share[1] > 0
    image[void] = image[void] // 3
    image[anomaly] = image[anomaly] // 2 + np.uint8([0, 0, 127])


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    register_all_modules(init_default_scope=True)
    dataset = build_dataset(args)
    num_classes = len(dataset.metainfo['classes'])
    unlabelled = void_by_design(dataset)
    samples = [dataset.get_data_info(index) for index in range(len(dataset))]
    check_outputs(
        [args.out / REPORT, args.out / SHEET],
        [args.config, *(sample.get(key) for sample in samples
                        for key in ('img_path', 'seg_map_path'))])
    audits = [
        audit_sample(sample, num_classes, may_be_void=index in unlabelled)
        for index, sample in enumerate(mmengine.track_iter_progress(samples))
    ]
    doubts = doubts_of_set(dataset, audits)
    lines = [str(overview(dataset, audits)),
             str(histogram(audits, num_classes)),
             *(f'DOUBT: {printable(text)}' for text in doubts),
             f'{len(doubts)} doubts' if doubts else 'nothing is doubtful']
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / REPORT).write_text('\n'.join([*lines, '']), 'utf-8')
    print('', *lines, sep='\n')
    write_picture(args.out / SHEET,
                  contact_sheet(audits, args.max_tiles))
    print(f'see {args.out}')
    return int(bool(doubts))


if __name__ == '__main__':
    run_tool(main)
