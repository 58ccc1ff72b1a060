"""Write the generated world to disk, all of it or nothing.

Layout of the folder::

    images/{train,val,test}/000000.png
    labels/{train,val,test}/000000.png      class ids; 254 in test
    outliers/{train,test}/000000.png
    outliers/instances_{train,test}.json    COCO format
    synthetic_roads.json                    what it was made with

Scene i of ``test`` is scene i of ``val`` with strange objects on it.
"""
import json
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from mmengine.logging import print_log

from mmseg_anomaly.checks import check_integer, check_numbers
from mmseg_anomaly.datasets.synthetic_roads.strange_objects import (
    CATEGORIES,
    draw_strange_object,
)
from mmseg_anomaly.progress import with_progress
from mmseg_anomaly.safe_writing import whole_folder
from mmseg_anomaly.text_files import read_json

from .scene import add_strange_objects, draw_scene

MANIFEST = 'synthetic_roads.json'
VERSION = 1  # raise it when the same parameters give other pixels
OUTLIER_PX = 96
# first numbers of the seeds, so that no two kinds of picture share one
_STREAM = {'train': 0, 'val': 1, 'objects': 2, 'train_outliers': 3,
           'test_outliers': 4}


@dataclass(frozen=True)
class WorldSize:
    """What decides every pixel of the written world.

    Args:
        num_train: Training scenes.
        num_val: Validation scenes, and as many test scenes.
        num_outliers: Strange objects for training, and for testing.
        image_hw: Size (H, W) of the scenes, each at least 32.
        seed: First number of every random stream.

    Raises:
        ValueError: If a number is too small.
    """

    num_train: int = 600
    num_val: int = 51
    num_outliers: int = 200
    image_hw: tuple[int, int] = (128, 256)
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ('num_train', 'num_val', 'num_outliers'):
            check_integer(name, getattr(self, name), low=1)
        check_numbers('image_hw', self.image_hw, length=2, kind=int, low=32)
        check_integer('seed', self.seed, low=0)


def write_world(root: str | Path, size: WorldSize, nproc: int = 1) -> bool:
    """Write the world to ``root`` unless it is there already.

    Everything is written next to ``root`` first and moved there at the end,
    so an interrupted run leaves nothing that looks complete.

    Args:
        root: Folder to make; it must not exist, be empty, or hold a world.
        size: What to draw.
        nproc: Processes that draw; they do not change a pixel.

    Returns:
        Whether something was written.

    Raises:
        FileExistsError: If ``root`` holds something else, or a world made
            with other parameters.
    """
    root = Path(root)
    wanted = json.loads(json.dumps({'version': VERSION, **asdict(size)}))
    if _is_complete(root, wanted):
        print_log(f'{root} is complete', logger='current')
        return False
    with whole_folder(root) as partial:
        for split in ('train', 'val', 'test'):
            (partial / 'images' / split).mkdir(parents=True)
            (partial / 'labels' / split).mkdir(parents=True)
        _write_scenes(partial, size, nproc)
        for split in ('train', 'test'):
            _write_outliers(partial / 'outliers', split, size)
        (partial / MANIFEST).write_text(json.dumps(wanted, indent=2))
    print_log(
        f'wrote {size.num_train} training and {size.num_val} validation and '
        f'test scenes to {root}', logger='current')
    return True


def _is_complete(root: Path, wanted: dict) -> bool:
    manifest = root / MANIFEST
    if manifest.is_file():
        found = read_json(manifest, remedy='choose another folder')
        if found == wanted:
            return True
        raise FileExistsError(
            f'{root} holds a world made with {found}, asked for {wanted}; '
            'choose another folder or remove it')
    if root.exists() and any(root.iterdir()):
        raise FileExistsError(
            f'{root} is not empty and holds no {MANIFEST}; choose another '
            'folder')
    return False


def _write_scenes(root: Path, size: WorldSize, nproc: int) -> None:
    jobs = [(root, size, split, index)
            for split, count in (('train', size.num_train),
                                 ('val', size.num_val))
            for index in range(count)]
    if nproc == 1:
        for job in with_progress(jobs, 'writing scenes'):
            _write_scene(*job)
        return
    with ProcessPoolExecutor(nproc) as pool:
        written = pool.map(
            _write_scene, *zip(*jobs, strict=True), chunksize=16)
        deque(with_progress(written, 'writing scenes', len(jobs)), maxlen=0)


def _write_scene(root: Path, size: WorldSize, split: str, index: int) -> None:
    generator = np.random.default_rng([size.seed, _STREAM[split], index])
    scene = draw_scene(size.image_hw, generator)
    _write_pair(root, split, index, scene.image, scene.label)
    if split == 'val':
        generator = np.random.default_rng(
            [size.seed, _STREAM['objects'], index])
        count = int(generator.integers(1, 4))
        _write_pair(root, 'test', index,
                    *add_strange_objects(scene, count, generator))


def _write_pair(root: Path, split: str, index: int, image: np.ndarray,
                label: np.ndarray) -> None:
    name = f'{index:06d}.png'
    _write_png(root / 'images' / split / name, image)
    _write_png(root / 'labels' / split / name, label)


def _write_png(path: Path, picture: np.ndarray) -> None:
    _, encoded = cv2.imencode('.png', picture)
    path.write_bytes(encoded.tobytes())


def _write_outliers(folder: Path, split: str, size: WorldSize) -> None:
    (folder / split).mkdir(parents=True)
    images, annotations = [], []
    for index in with_progress(range(size.num_outliers), 'writing objects'):
        generator = np.random.default_rng(
            [size.seed, _STREAM[f'{split}_outliers'], index])
        image, mask, category = draw_strange_object(split, OUTLIER_PX,
                                                    generator)
        name = f'{index:06d}.png'
        _write_png(folder / split / name, image)
        images.append({'id': index + 1, 'file_name': name,
                       'height': OUTLIER_PX, 'width': OUTLIER_PX})
        annotations.append(_coco_annotation(index + 1, mask, category))
    categories = [{'id': row + 1, 'name': name}
                  for row, name in enumerate(CATEGORIES)]
    (folder / f'instances_{split}.json').write_text(
        json.dumps({'images': images, 'annotations': annotations,
                    'categories': categories}))


def _coco_annotation(identity: int, mask: np.ndarray, category: str) -> dict:
    rows, columns = np.nonzero(mask)
    left, top = int(columns.min()), int(rows.min())
    return {'id': identity, 'image_id': identity,
            'category_id': CATEGORIES.index(category) + 1, 'iscrowd': 0,
            'area': int(mask.sum()),
            'bbox': [left, top, int(columns.max()) + 1 - left,
                     int(rows.max()) + 1 - top],
            'segmentation': {'size': list(mask.shape),
                             'counts': run_lengths(mask)}}


def run_lengths(mask: np.ndarray) -> list[int]:
    """Return COCO's uncompressed run lengths of an (H, W) bool mask.

    Columns follow each other; the first run counts pixels outside.
    """
    flat = np.concatenate(([False], mask.T.ravel()))
    changes = np.flatnonzero(flat[1:] != flat[:-1])
    return np.diff([0, *changes, mask.size]).tolist()
