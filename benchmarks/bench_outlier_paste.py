"""Time the Cityscapes training pipeline with and without OutlierPaste.

Real files are made for the run, unless given: 1024x2048 PNG scenes with
labels and a COCO set of 640x480 JPEG images. The pipelines take turns on the
same images; the numbers are medians for one image on one core, and their
ratio is what must stay below 1.3.

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

import mmseg_anomaly  # noqa: F401

CONFIG = (
    Path(__file__).parents[1] / 'configs/_base_/datasets' /
    'cityscapes_640x640.py')
NUM_SCENES = 8
NUM_OBJECT_IMAGES = 40


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


def build_pipelines(args: argparse.Namespace) -> dict[str, Compose]:
    steps = Config.fromfile(CONFIG).train_pipeline
    source = dict(
        type='CocoOutliers',
        data_root=args.coco,
        ann_file=args.ann_file,
        data_prefix=dict(img_path=args.img_path))
    pipelines = {'without': Compose(steps)}
    for probability in (0.5, 1.0):
        paste = dict(
            type='OutlierPaste', source=source, paste_probability=probability)
        pipelines[f'probability {probability}'] = Compose(
            [*steps[:2], paste, *steps[2:]])
    return pipelines


def time_pipelines(pipelines: dict[str, Compose], scenes: list[dict],
                   rounds: int) -> dict[str, list[float]]:
    """Return seconds for each image, the pipelines taking turns."""
    seconds = {name: [] for name in pipelines}
    for turn in range(rounds + 1):
        for scene in scenes:
            for name, pipeline in pipelines.items():
                start = time.perf_counter()
                pipeline({**scene, 'seg_fields': []})
                if turn > 0:  # the first round warms up
                    seconds[name].append(time.perf_counter() - start)
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
        seconds = time_pipelines(
            build_pipelines(args), scenes, args.rounds)
    baseline = statistics.median(seconds['without'])
    for name, values in seconds.items():
        median, mean = statistics.median(values), statistics.mean(values)
        print(f'{name:16s} median {1e3 * median:6.1f} ms  mean '
              f'{1e3 * mean:6.1f} ms  ratio of medians '
              f'{median / baseline:.3f}  of means '
              f'{mean / statistics.mean(seconds["without"]):.3f}')


if __name__ == '__main__':
    main()
