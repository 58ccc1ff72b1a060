"""Time OutlierPaste: alone, and in the pipeline of eomt_b_640_oe.py.

Real files are made for the run, unless given: 1024x2048 PNG scenes with
labels, a COCO set of 640x480 JPEG images, and a packed file of its objects.

- The transform alone, 1 to 3 objects on every image, from the packed file,
  in images a second: at least 60 hard, at least 25 feathered with colours
  matched.
- The pipeline without outliers and with them, from the json and from the
  packed file, taking turns on the same images: the ratio of rates is to be
  at least 0.8.

The times are those of one core (CPU time of the process), so that other
programs disturb less.

    python benchmarks/bench_outlier_paste.py [--rounds 10]
    python benchmarks/bench_outlier_paste.py --coco data/coco \
        --ann-file annotations/instances_train2017.json --img-path train2017
"""
import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from mmengine.config import Config
from mmengine.dataset import Compose
from mmseg.utils import register_all_modules

from mmseg_anomaly.datasets.outliers import CocoOutliers
from mmseg_anomaly.datasets.outliers.packed import encode_cutout, write_pack
from mmseg_anomaly.datasets.paste import OutlierPaste

CONFIG = Path(__file__).parents[1] / 'configs/eomt_ext/eomt_b_640_oe.py'
NUM_SCENES = 8
NUM_OBJECT_IMAGES = 40
MAX_PACKED = 400
ROAD = dict(type='RoadPlacement', road_classes=[0, 1],
            protected_classes=[11, 12, 13], perspective=True)
VARIANTS = {
    'hard, anywhere': dict(),
    'hard, road': dict(placement=ROAD),
    'feather, colours': dict(blending=dict(
        type='OutlierBlending', mode='feather', color_match=0.5)),
    'all but Poisson': dict(placement=ROAD, blending=dict(
        type='OutlierBlending', mode='feather', color_match=0.5,
        match_blur=True, match_noise=True, shadow=0.5)),
    'Poisson': dict(blending=dict(type='OutlierBlending', mode='poisson')),
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--coco', help='folder of a COCO set')
    parser.add_argument('--ann-file', default='instances.json')
    parser.add_argument('--img-path', default='images')
    parser.add_argument('--rounds', type=int, default=10)
    return parser.parse_args()


def blotches(generator: np.random.Generator,
             size_hw: tuple[int, int]) -> np.ndarray:
    """Return an image that compresses about as well as a photograph."""
    height, width = size_hw
    small = generator.integers(
        256, size=(height // 16, width // 16, 3), dtype=np.uint8)
    image = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    grain = generator.normal(0, 2, image.shape)
    return np.clip(image + grain, 0, 255).astype(np.uint8)


def make_scenes(root: Path, generator: np.random.Generator) -> list[dict]:
    root.mkdir()
    scenes = []
    for number in range(NUM_SCENES):
        paths = [str(root / f'{number}_{part}.png') for part in ('img', 'seg')]
        cv2.imwrite(paths[0], blotches(generator, (1024, 2048)))
        label = generator.integers(19, size=(16, 32), dtype=np.uint8)
        cv2.imwrite(paths[1], label.repeat(64, axis=0).repeat(64, axis=1))
        scenes.append(
            dict(
                img_path=paths[0],
                seg_map_path=paths[1],
                label_map=None,
                reduce_zero_label=False))
    return scenes


def make_coco(root: Path, generator: np.random.Generator) -> None:
    """Write images with one ellipse each, of sizes as in COCO."""
    (root / 'images').mkdir(parents=True)
    images, annotations = [], []
    for number in range(NUM_OBJECT_IMAGES):
        name = f'{number}.jpg'
        cv2.imwrite(
            str(root / 'images' / name), blotches(generator, (480, 640)))
        images.append(dict(id=number, file_name=name, height=480, width=640))
        axes = generator.integers(20, 200, size=2)
        outline = cv2.ellipse2Poly((320, 240), axes.tolist(), 0, 0, 360, 10)
        annotations.append(
            dict(
                id=number,
                image_id=number,
                category_id=1,
                iscrowd=0,
                segmentation=[outline.ravel().tolist()]))
    (root / 'instances.json').write_text(
        json.dumps(
            dict(
                images=images,
                annotations=annotations,
                categories=[dict(id=1, name='ellipse')])))


def pack_objects(source_cfg: dict, path: Path) -> dict:
    """Write a packed file; return the config that reads it."""
    source_cfg = {key: source_cfg[key] for key in source_cfg if key != 'type'}
    source = CocoOutliers(**source_cfg)
    numbers = range(min(len(source), MAX_PACKED))
    write_pack(path, ((number, *encode_cutout(source[number]))
                      for number in numbers), {})
    return dict(type='PackedOutliers', pack_file=str(path))


def time_transforms(source_cfg: dict, scenes: list[dict],
                    rounds: int) -> dict[str, list[float]]:
    """Return seconds for each image, decoded before, the variants in turn."""
    arrays = [(cv2.imread(scene['img_path']),
               cv2.imread(scene['seg_map_path'], cv2.IMREAD_UNCHANGED))
              for scene in scenes]
    transforms = {name: OutlierPaste(source_cfg, **options)
                  for name, options in VARIANTS.items()}
    seconds = {name: [] for name in transforms}
    for turn in range(rounds + 1):
        for row, (img, label) in enumerate(arrays):
            for name, transform in transforms.items():
                generator = np.random.default_rng((turn, row))
                start = time.process_time()
                transform.paste(img, label, generator)
                if turn > 0:  # the first round warms up
                    seconds[name].append(time.process_time() - start)
    return seconds


def build_pipelines(sources: dict[str, dict]) -> dict[str, Compose]:
    steps = Config.fromfile(CONFIG).train_pipeline
    pipelines = {'without': Compose(
        [step for step in steps if step['type'] != 'OutlierPaste'])}
    for name, source in sources.items():
        for probability in (0.5, 1.0):
            options = dict(source=source, paste_probability=probability)
            pipelines[f'{name}, probability {probability}'] = Compose(
                [{**step, **options} if step['type'] == 'OutlierPaste'
                 else step for step in steps])
    return pipelines


def time_pipelines(pipelines: dict[str, Compose], scenes: list[dict],
                   rounds: int) -> dict[str, list[float]]:
    """Return seconds for each image, the pipelines taking turns."""
    seconds = {name: [] for name in pipelines}
    for turn in range(rounds + 1):
        for scene in scenes:
            for name, pipeline in pipelines.items():
                start = time.process_time()
                pipeline({**scene, 'seg_fields': []})
                if turn > 0:  # the first round warms up
                    seconds[name].append(time.process_time() - start)
    return seconds


def main() -> None:
    args = parse_args()
    register_all_modules(init_default_scope=True)
    cv2.setNumThreads(1)
    np.random.seed(0)
    generator = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        scenes = make_scenes(Path(folder, 'scenes'), generator)
        if args.coco is None:
            args.coco = str(Path(folder, 'coco'))
            make_coco(Path(args.coco), generator)
        coco = dict(
            type='CocoOutliers', data_root=args.coco, ann_file=args.ann_file,
            data_prefix=dict(img_path=args.img_path), cache_dir=folder)
        packed = pack_objects(coco, Path(folder, 'objects.pack'))
        alone = time_transforms(packed, scenes, args.rounds)
        pipelines = time_pipelines(
            build_pipelines(dict(json=coco, packed=packed)), scenes,
            args.rounds)
    for name, values in alone.items():
        print(f'transform, {name:16s} {1 / statistics.mean(values):6.1f} '
              f'images/s (median {1 / statistics.median(values):6.1f})')
    baseline = statistics.mean(pipelines['without'])
    for name, values in pipelines.items():
        mean = statistics.mean(values)
        print(f'pipeline, {name:24s} {1e3 * mean:6.1f} ms  rate by that '
              f'without {baseline / mean:.3f}')


if __name__ == '__main__':
    main()
