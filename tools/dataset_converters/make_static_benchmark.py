r"""Paste objects onto labelled scenes once, as a fixed anomaly test set.

The result, like Fishyscapes Static, has ground truth for every pixel:

    OUT/images/*.png        scenes with objects, lossless
    OUT/annotations/*.png   class ids, 254 on objects, 255 void
    OUT/manifest.json       settings, classes, provenance of every object

``StaticAnomalyDataset`` loads it. Equal arguments give equal files. OUT
appears when all is written; until then it is called ``OUT.partial``. Objects
are those of a COCO json, of a file of coco_outliers.py, of a folder of RGBA
images, or of a config; what a training pasted is kept out by
``--exclude-source``, pictures by their names and, with ``--compare-pixels``,
objects by their pixels. Scenes in a config are its ``SPLIT_dataloader``.

    python tools/dataset_converters/make_static_benchmark.py \
        --scenes configs/_base_/datasets/camvid_352x480.py \
        --objects data/coco/annotations/instances_val2017.json \
        data/coco/val2017 --exclude-source configs/eomt_ext/MINE_oe.py \
        --placement type=RoadPlacement road_classes=3 perspective=True \
        --blending mode=feather color_match=0.5 --seed 0 -o data/static
"""
import argparse
from collections.abc import Sequence
from pathlib import Path

import mmengine
import numpy as np
from mmengine.dataset import BaseDataset, Compose
from mmseg.registry import DATASETS
from mmseg.utils import register_all_modules

import mmseg_anomaly  # noqa: F401
from mmseg_anomaly.checks import integer_option, number_option
from mmseg_anomaly.datasets.benchmarks.static_anomaly import MANIFEST_NAME
from mmseg_anomaly.datasets.benchmarks.static_files import (
    count_pixels,
    summarise,
    write_scene,
)
from mmseg_anomaly.datasets.non_empty_dataset import NonEmptyDataset
from mmseg_anomaly.datasets.outliers import MixedOutliers
from mmseg_anomaly.datasets.outliers.common_objects import without_objects_of
from mmseg_anomaly.datasets.outliers.open_sources import (
    NO_FILTERS,
    find_datasets,
    open_sources,
)
from mmseg_anomaly.datasets.pairs import IMAGE_SUFFIXES
from mmseg_anomaly.datasets.paste import OutlierPaste
from mmseg_anomaly.engine.config_options import (
    CheckedDictAction,
    merge_options,
    read_config,
)
from mmseg_anomaly.engine.run_tool import ToolParser, run_tool
from mmseg_anomaly.labels import IGNORE_INDEX
from mmseg_anomaly.paths import output_names
from mmseg_anomaly.safe_writing import whole_folder

ALL_SUFFIXES = (*IMAGE_SUFFIXES, *map(str.upper, IMAGE_SUFFIXES))


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = ToolParser(
        description='Make an anomaly test set from labelled scenes and cut '
        'out objects')
    add_scene_arguments(parser)
    add_object_arguments(parser)
    parser.add_argument(
        '--placement', nargs='+', action=CheckedDictAction,
        help='type=RoadPlacement and its options; anywhere unless given')
    parser.add_argument(
        '--blending', nargs='+', action=CheckedDictAction,
        help='options of OutlierBlending, such as mode=poisson; hard unless '
        'given')
    parser.add_argument('--min-objects', type=integer_option(low=1), default=1)
    parser.add_argument('--max-objects', type=integer_option(low=1), default=3)
    parser.add_argument(
        '--min-scale', type=number_option(above=0, high=1), default=0.1,
        help="longer side of an object by the image's shorter side")
    parser.add_argument(
        '--max-scale', type=number_option(above=0, high=1), default=0.3)
    parser.add_argument('--seed', type=integer_option(low=0), default=0)
    parser.add_argument('-o', '--out', type=Path, required=True)
    args = parser.parse_args(argv)
    check_args(parser, args)
    if len(args.objects) == 2 and args.min_area is None:
        args.min_area = 400
    return args


def check_args(parser: argparse.ArgumentParser,
               args: argparse.Namespace) -> None:
    if len(args.scenes) > 2:
        parser.error('--scenes takes a config or IMAGES ANNOTATIONS')
    if len(args.scenes) == 2 and args.classes is None:
        parser.error('--scenes IMAGES ANNOTATIONS needs --classes')
    if len(args.objects) != 2 and args.min_area is not None:
        parser.error('--min-area is for objects of a COCO json, got '
                     f'--objects {args.objects[0]}')
    if args.out.exists() and any(args.out.iterdir()):
        parser.error(f'--out {args.out} is not empty; choose a new folder')


def add_scene_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--scenes', nargs='+', required=True, metavar='PATH',
        help='a config with dataloaders, or the folders IMAGES ANNOTATIONS')
    parser.add_argument(
        '--split', choices=('train', 'val', 'test'), default='val',
        help='which dataloader of the config (default: val)')
    parser.add_argument(
        '--cfg-options', nargs='+', action=CheckedDictAction,
        help='overrides of the config, such as '
        'val_dataloader.dataset.data_root=data/camvid')
    parser.add_argument(
        '--classes', nargs='+', metavar='NAME',
        help='names of the ids 0, 1, ... (folders only)')
    parser.add_argument(
        '--void-ids', nargs='*', type=integer_option(low=0, high=255),
        default=[], metavar='ID',
        help='ids of the label files that mean void (folders only)')
    parser.add_argument(
        '--img-suffix', help='folders only; default: every usual format')
    parser.add_argument(
        '--seg-map-suffix', default='.png', help='folders only')
    parser.add_argument(
        '--allow-unpaired', action='store_true',
        help='leave out images without label and labels without image '
        '(folders only)')


def add_object_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--objects', nargs='+', required=True, metavar='PATH',
        help='COCO instances file and its image folder, a *.pack file, a '
        'folder of RGBA images, or a config with `source`')
    parser.add_argument(
        '--exclude-source', nargs='+', action='append', default=[],
        metavar='PATH', help='objects not to use, given as for --objects or '
        'as a config that trains with OutlierPaste; may be repeated. '
        'Objects of a COCO json that its filters would leave out count, too, '
        'so all its pictures must be there; pictures count by their file '
        'names, packed objects also by their pixels')
    parser.add_argument(
        '--compare-pixels', action='store_true',
        help='exclude by the pixels of every object as well, which reads all '
        'images; otherwise copies of excluded pictures under other names '
        'pass. Copies that are scaled, compressed again or cut out '
        'differently pass in any case')
    parser.add_argument(
        '--min-area', type=integer_option(low=0),
        help='smallest object of a COCO json in its image, in pixels '
        '(default: 400)')


def build_scenes(args: argparse.Namespace) -> BaseDataset:
    """Build the scenes so that they load without any augmentation.

    Raises:
        ValueError: If the config has several datasets next to each other.
    """
    if len(args.scenes) == 1:
        cfg = read_config(args.scenes[0], holds_model=False)
        merge_options(cfg, args.cfg_options)
        loader = f'{args.split}_dataloader'
        found = [dataset for dataset in find_datasets(cfg[loader].dataset)
                 if not {'dataset', 'datasets'} & set(dataset)]
        if len(found) != 1:
            raise ValueError(
                f'`{loader}` of {args.scenes[0]} must hold one dataset, got '
                f'{[dataset.type for dataset in found]}; choose one')
        found[0].pipeline = []
        return DATASETS.build(found[0])
    images, annotations = args.scenes
    dataset = NonEmptyDataset(
        img_suffix=args.img_suffix or ALL_SUFFIXES,
        seg_map_suffix=args.seg_map_suffix,
        metainfo=dict(classes=args.classes),
        data_prefix=dict(img_path=images, seg_map_path=annotations),
        allow_unpaired=args.allow_unpaired,
        lazy_init=True)
    dataset.label_map = dict.fromkeys(args.void_ids, IGNORE_INDEX)
    dataset.full_init()
    return dataset


def build_source(args: argparse.Namespace) -> tuple[object, int]:
    """Return the objects that may be used, and how many may not."""
    sources = open_sources(args.objects, min_area=args.min_area)
    source = sources[0] if len(sources) == 1 else MixedOutliers(sources)
    others = [other for paths in args.exclude_source
              for other in open_sources(paths, **NO_FILTERS)]
    allowed = without_objects_of(
        source, others, compare_pixels=args.compare_pixels)
    return allowed, len(source) - len(allowed)


def build_paste(args: argparse.Namespace, source: object) -> OutlierPaste:
    blending = args.blending
    if blending is not None:
        blending = {'type': 'OutlierBlending', **blending}
    return OutlierPaste(
        source,
        min_objects=args.min_objects,
        max_objects=args.max_objects,
        min_scale=args.min_scale,
        max_scale=args.max_scale,
        placement=args.placement,
        blending=blending)


def scene_names(scenes: BaseDataset) -> dict[str, str]:
    """Return path -> name of each scene: its path below their folder."""
    folder = scenes.data_prefix['img_path']
    paths = [scenes.get_data_info(index)['img_path']
             for index in range(len(scenes))]
    return output_names(paths, {
        path: Path(path).relative_to(folder).with_suffix('').as_posix()
        for path in paths})


def paste_scene(index: int, scenes: BaseDataset, names: dict[str, str],
                load: Compose, paste: OutlierPaste, seed: int,
                out: Path) -> dict:
    """Paste onto one scene and write it; return its manifest entry.

    A scene's objects depend on the seed and its number alone.
    """
    results = load(scenes.get_data_info(index))
    img, seg_label, outliers, num_skipped = paste.paste(
        results['img'], results['gt_seg_map'],
        np.random.default_rng((seed, index)))
    path = results['img_path']
    return dict(
        **write_scene(names[path], img, seg_label, out),
        scene=Path(path).relative_to(
            scenes.data_prefix['img_path']).as_posix(),
        num_pixels=count_pixels(seg_label),
        outliers=outliers,
        num_skipped=num_skipped)


def files_read(args: argparse.Namespace,
               scenes: BaseDataset) -> list[str]:
    """Return files and folders of scenes and objects."""
    return [*scenes.data_prefix.values(), *args.scenes, *args.objects,
            *(path for paths in args.exclude_source for path in paths)]


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    register_all_modules(init_default_scope=True)
    scenes = build_scenes(args)
    classes = scenes.metainfo['classes']
    load = Compose([
        dict(type='LoadImageFromFile'),
        dict(type='LoadCheckedAnnotations', num_classes=len(classes))
    ])
    settings = {
        key: getattr(args, key)
        for key in ('seed', 'min_area', 'min_objects', 'max_objects',
                    'min_scale', 'max_scale', 'placement', 'blending',
                    'compare_pixels')
    }
    source, num_refused = build_source(args)
    paste = build_paste(args, source)
    names = scene_names(scenes)
    with whole_folder(args.out, files_read(args, scenes)) as out:
        entries = [
            paste_scene(index, scenes, names, load, paste, args.seed, out)
            for index in mmengine.track_iter_progress(range(len(scenes)))
        ]
        counts = summarise(entries)
        manifest = dict(
            settings=settings,
            objects=Path(args.objects[0]).name,
            excluded=dict(
                sources=[Path(paths[0]).name for paths in args.exclude_source],
                objects=num_refused),
            counts=counts,
            classes=list(classes),
            palette=scenes.metainfo['palette'],
            images=entries)
        mmengine.dump(manifest, out / MANIFEST_NAME, indent=1)
    print(f'{counts["images"]} images with {counts["objects"]} objects in '
          f'{args.out}')


if __name__ == '__main__':
    run_tool(main)
