"""Maps and labels of images in a temporary folder."""
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

ScoredImage = tuple[np.ndarray, dict[str, np.ndarray]]


class ImageSpool:
    """Images that wait on disk for a threshold, as they were given.

    Args:
        parent: Folder for the temporary folder; None lets the system
            choose one.
    """

    def __init__(self, parent: str | None) -> None:
        if parent is not None:
            Path(parent).mkdir(parents=True, exist_ok=True)
        self._folder = tempfile.TemporaryDirectory(
            prefix='anomaly_maps_', dir=parent)
        self._scorers: list[str] = []
        self._num_images = 0

    def add(self, label: np.ndarray, maps: dict[str, np.ndarray]) -> None:
        """Write an image; every one has the same scorers."""
        self._scorers = list(maps)
        np.savez(self._path(self._num_images), label, *maps.values())
        self._num_images += 1

    def __iter__(self) -> Iterator[ScoredImage]:
        """Yield what was added."""
        for index in range(self._num_images):
            with np.load(self._path(index)) as arrays:
                label, *maps = (arrays[name] for name in arrays.files)
            yield label, dict(zip(self._scorers, maps, strict=True))

    def close(self) -> None:
        """Remove the folder."""
        self._folder.cleanup()

    def _path(self, index: int) -> Path:
        return Path(self._folder.name) / f'{index}.npz'
