"""Files that a metric writes for each image, none over another."""
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable


class OutputFiles:
    """Where the files of a metric go.

    Args:
        folder: Made when the first file is written.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._names: Mapping[str, str] = {}
        self._images: dict[Path, str] = {}

    def set_names(self, names: Mapping[str, str]) -> None:
        """State how files of the images of a set are called.

        Args:
            names: Path of each image -> name, see ``paths.output_names``.
        """
        self._names = names
        self._images = {}

    def path_of(self, img_path: str, ending: str) -> Path:
        """Return where to write what belongs to an image.

        Args:
            img_path: The image; its stem is the name unless
                :meth:`set_names` gave another.
            ending: What follows the name, such as '.png'.

        Raises:
            ValueError: If another image has that file.
        """
        name = self._names.get(img_path, Path(img_path).stem)
        path = self.folder / f'{name}{ending}'
        other = self._images.setdefault(path, img_path)
        if other != img_path:
            raise ValueError(
                f'{img_path} and {other} would both be written to {path}; '
                "add output_names=dict(type='OutputNamesHook') to "
                '`default_hooks`, which gives each a name of its own')
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


@runtime_checkable
class WritesOutputs(Protocol):
    """A metric that may write a file for each image."""

    outputs: OutputFiles | None
    """None if it writes nothing."""
