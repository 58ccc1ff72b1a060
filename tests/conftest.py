"""Fixtures that every test may use."""
import importlib.util
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
from mmengine.logging import MMLogger

SHARED_DIR = Path(__file__).resolve().parents[2] / 'shared'


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        pytest.skip(f'{folder.name} files are not beside this checkout')
    return folder


@pytest.fixture(scope='session', autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep indices of outliers out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('XDG_CACHE_HOME', str(tmp_path_factory.mktemp('cache')))
        yield


@pytest.fixture
def log() -> Iterator[list[str]]:
    """The messages of MMEngine's current logger, from INFO up."""
    messages = []
    handler = logging.Handler(logging.INFO)
    handler.emit = lambda record: messages.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    yield messages
    logger.removeHandler(handler)


@pytest.fixture(scope='session')
def reference_dir() -> Path:
    """Folder of inputs and outputs made with the peers' own code."""
    return _existing(SHARED_DIR / 'reference')


@pytest.fixture(scope='session')
def shared_data_dir() -> Path:
    """Folder of real images and weights."""
    return _existing(SHARED_DIR / 'data')


@pytest.fixture(scope='session')
def load_tool() -> Callable[[str], ModuleType]:
    """Return a function that imports a script of ``tools/`` by its path."""

    def load(name: str) -> ModuleType:
        path = Path(__file__).resolve().parents[1] / 'tools' / name
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def make_coco(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a small COCO set and returns its folder.

    It takes instances, dicts of ``image`` (a stem), ``category`` and
    ``segmentation`` (or ``box``, x y w h, for a rectangle), and other keys
    of an annotation. Images hold noise, as PNG, so that pixels are exact.
    """

    def make(instances: list[dict], size_hw: tuple[int, int] = (60, 80),
             name: str = 'coco') -> Path:
        root = tmp_path / name
        (root / 'images').mkdir(parents=True)
        stems = sorted({item['image'] for item in instances})
        categories = sorted({item['category'] for item in instances})
        for seed, stem in enumerate(stems):
            noise = np.random.default_rng(seed).integers(
                256, size=(*size_hw, 3), dtype=np.uint8)
            cv2.imwrite(str(root / 'images' / f'{stem}.png'), noise)
        coco = {
            'images': [
                dict(id=10 + row, file_name=f'{stem}.png', height=size_hw[0],
                     width=size_hw[1]) for row, stem in enumerate(stems)
            ],
            'categories': [
                dict(id=row + 1, name=category)
                for row, category in enumerate(categories)
            ],
            'annotations': [
                _annotation(number, item, stems, categories)
                for number, item in enumerate(instances)
            ]
        }
        (root / 'instances.json').write_text(json.dumps(coco))
        return root

    return make


def _annotation(number: int, item: dict, stems: list[str],
                categories: list[str]) -> dict:
    item = {'iscrowd': 0, **item}
    if 'box' in item:
        left, top, width, height = item.pop('box')
        right, bottom = left + width, top + height
        item['segmentation'] = [[
            left, top, right, top, right, bottom, left, bottom
        ]]
    return {
        **item, 'id': 100 + number,
        'image_id': 10 + stems.index(item['image']),
        'category_id': 1 + categories.index(item['category'])
    }
