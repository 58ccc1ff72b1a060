"""Small files in the layouts of the benchmarks."""
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mmengine.registry import DefaultScope
from mmseg.registry import DATASETS
from PIL import Image

import mmseg_anomaly  # noqa: F401

LABEL = np.uint8([[0, 1, 255, 0]])


@pytest.fixture
def write_frame(tmp_path: Path) -> Callable[..., None]:
    """Return a function that writes an image and its label by their names."""

    def write(image: str, label: str | None, values=LABEL) -> None:
        values = np.asarray(values, np.uint8)
        (tmp_path / image).parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', values.shape[::-1]).save(tmp_path / image)
        if label is not None:
            (tmp_path / label).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(tmp_path / label)

    return write


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., object]:
    """Return a function that builds a dataset that loads its labels."""

    def build_dataset(name: str, folder: str = '', num_classes: int = 19,
                      **kwargs):
        pipeline = [
            dict(type='LoadImageFromFile'),
            dict(type='LoadCheckedAnnotations', num_classes=num_classes)
        ]
        return DATASETS.build(dict(
            dict(type=name, data_root=str(tmp_path / folder),
                 pipeline=pipeline), **kwargs))

    with DefaultScope.overwrite_default_scope('mmseg'):
        yield build_dataset
