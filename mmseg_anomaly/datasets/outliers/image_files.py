"""Read images from a folder or a zip file, in many workers at once.

Shape letters: H, W of the image.
"""
import logging
import os
import zlib
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import cv2
import numpy as np
from mmengine.logging import print_log
from PIL import Image, UnidentifiedImageError

from ..image_check import has_end_mark
from ..label_files import PILLOW_ERRORS
from ..orientation import orientation_note
from ..pairs import walk

# a password and unknown compression come as RuntimeError
_ZIP_ERRORS = (BadZipFile, EOFError, RuntimeError, zlib.error)
_MAX_BYTES = 2**30


class BrokenImageError(ValueError):
    """A file of a source cannot be used; the message names it."""


class ImageFiles:
    """Read-only files below a folder or below a folder of a zip file.

    A zip file is opened once in each process: workers that are forked would
    otherwise move each other's position in the file.

    Args:
        path: A folder, ``images.zip``, or ``images.zip/folder/in/it``.

    Raises:
        FileNotFoundError: If there is no such folder or zip file.
        ValueError: If the zip file is broken.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._zip_path, self._prefix = _split_at_zip(self.path)
        self._zip: ZipFile | None = None
        self._process_id = -1
        self._looked_at: set[str] = set()
        if self._zip_path is None and not self.path.is_dir():
            raise FileNotFoundError(
                f'there is no folder {self.path}; check `data_root` and '
                '`data_prefix`')
        if self._zip_path is not None:
            self._open_zip()

    def __getstate__(self) -> dict:
        return {**vars(self), '_zip': None, '_process_id': -1}

    def names(self) -> list[str]:
        """Return all files, sorted, relative to ``path``, with slashes."""
        if self._zip_path is None:
            return sorted(
                Path(folder, name).relative_to(self.path).as_posix()
                for folder, _, names in walk(self.path) for name in names)
        start = len(self._prefix)
        return sorted(
            name[start:] for name in self._open_zip().namelist()
            if name.startswith(self._prefix) and not name.endswith('/'))

    def first_missing(self, names: Iterable[str]) -> str | None:
        """Return the first of ``names`` that is not there, if any."""
        names = list(names)
        if self._zip_path is None:
            folders = {name.rpartition('/')[0] for name in names}
            existing = {
                f'{folder}/{entry.name}' if folder else entry.name
                for folder in folders if (self.path / folder).is_dir()
                for entry in os.scandir(self.path / folder)
                if entry.is_file()
            }
        else:
            existing = set(self.names())
        return next((name for name in names if name not in existing), None)

    def read(self, name: str) -> bytes:
        """Return the content of a file.

        Raises:
            BrokenImageError: If it is missing, its zip entry is damaged, or
                it is larger than any image that can be decoded.
        """
        try:
            if self._zip_path is None:
                return (self.path / name).read_bytes()
            entry = self._open_zip().getinfo(self._prefix + name)
            if entry.file_size > _MAX_BYTES:
                raise OSError(f'{entry.file_size} bytes are no image')
            return self._open_zip().read(entry)
        except (OSError, KeyError, *_ZIP_ERRORS) as error:
            raise BrokenImageError(
                f'{self.path / name} cannot be read: {error}') from error

    def read_image(self, name: str, *, with_alpha: bool = False) -> np.ndarray:
        """Decode an image of ``names()``; see ``decode_image``.

        Raises:
            BrokenImageError: If it cannot be read or decoded.
        """
        content = self.read(name)
        image = decode_image(content, self.path / name, with_alpha=with_alpha)
        self.name_turned(name, content)
        return image

    def name_turned(self, name: str, content: bytes) -> None:
        """Warn once of an image that is displayed otherwise than stored."""
        if name in self._looked_at:
            return
        self._looked_at.add(name)
        if note := orientation_note(content):
            print_log(f'{self.path / name}: {note}', logger='current',
                      level=logging.WARNING)

    def _open_zip(self) -> ZipFile:
        if self._zip is None or self._process_id != os.getpid():
            self._zip = _open_zip_file(self._zip_path)
            self._process_id = os.getpid()
        return self._zip


def image_size(content: bytes, path: str | Path) -> tuple[int, int]:
    """Return height and width of an image, from its header alone.

    Args:
        content: Whole file.
        path: For messages.

    Raises:
        BrokenImageError: If it is no image, or larger than Pillow allows.
    """
    try:
        with Image.open(BytesIO(content)) as image:
            return image.size[::-1]
    except UnidentifiedImageError as error:  # names an address in memory
        raise _undecodable(content, path) from error
    except PILLOW_ERRORS as error:
        raise _undecodable(content, path, f': {error}') from error


def decode_image(content: bytes, path: str | Path, *,
                 with_alpha: bool = False) -> np.ndarray:
    """Decode an image as it is stored, whatever EXIF says.

    Args:
        content: Whole file.
        path: For messages.
        with_alpha: Keep the channels the file has.

    Returns:
        (H, W, 3) uint8, BGR; with ``with_alpha`` (H, W, 4), (H, W, 3) or
        (H, W).

    Raises:
        BrokenImageError: If it is no image, larger than Pillow allows, or
            cut off: OpenCV would fill the missing part with grey.
    """
    if not has_end_mark(content):
        raise _undecodable(content, path)
    image_size(content, path)
    flag = (cv2.IMREAD_UNCHANGED if with_alpha else
            cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), flag)
    except cv2.error as error:
        raise _undecodable(content, path, f': {error}') from error
    if image is None:
        raise _undecodable(content, path)
    return image


def _undecodable(content: bytes, path: str | Path,
                 reason: str = '') -> BrokenImageError:
    return BrokenImageError(
        f'{path} of {len(content)} bytes cannot be decoded as an image'
        f'{reason}; replace it or remove it from the source')


def read_file(path: Path) -> bytes:
    """Return the content of a file that may lie in a zip file.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If the zip file, or its part with the file, is broken.
    """
    zip_path, name = _split_at_zip(path)
    if zip_path is None:
        return path.read_bytes()
    with _open_zip_file(zip_path) as archive:
        try:
            return archive.read(name.rstrip('/'))
        except KeyError as error:
            raise FileNotFoundError(
                f'{zip_path} holds no {name.rstrip("/")}') from error
        except _ZIP_ERRORS as error:
            raise ValueError(f'{path} cannot be read ({error}); copy or '
                             'download the zip file again') from error


def _open_zip_file(path: Path) -> ZipFile:
    try:
        return ZipFile(path)
    except BadZipFile as error:
        raise ValueError(f'{path} is no zip file ({error}); copy or '
                         'download it again') from error


def _split_at_zip(path: Path) -> tuple[Path | None, str]:
    """Return the zip file on the way to ``path``, and the way on in it."""
    for parent in (path, *path.parents):
        if parent.suffix.lower() == '.zip' and parent.is_file():
            inner = path.relative_to(parent).as_posix()
            return parent, '' if inner == '.' else f'{inner}/'
    return None, ''
