"""Names of files: unique where we write, inside their folder where we read."""
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np

_MOST_BYTES = 200  # file systems take 255; room for a prefix and a suffix


class UnwrittenPictureError(OSError):
    """A picture could not be written; the message names its file."""


def output_names(paths: Iterable[str],
                 wanted: Mapping[str, str] | None = None) -> dict[str, str]:
    """Name what a run writes for each of its input files.

    A name is the stem of the input. Where two inputs would share one, all
    names gain the sub-folders below the folder that holds every input, and
    where that is not enough, as for ``a.png`` next to ``a.jpg``, the suffix
    too. Names that differ in upper and lower case alone count as equal as
    long as there is a choice: some file systems do not keep them apart.

    Args:
        paths: Every input file of the run.
        wanted: Names instead of the stems, by path.

    Returns:
        Path -> name without suffix, with slashes; equal for two spellings
        of one path only.
    """
    files = {path: Path(os.path.abspath(path)) for path in paths}  # noqa: PTH100
    if not files:
        return {}
    folder = os.path.commonpath([file.parent for file in files.values()])
    wanted = wanted or {}
    inside_folder = {file: file.relative_to(folder)
                     for file in files.values()}
    choices = [
        {file: wanted.get(path, file.stem) for path, file in files.items()},
        {file: name.with_suffix('').as_posix()
         for file, name in inside_folder.items()},
        {file: name.as_posix() for file, name in inside_folder.items()}
    ]
    names = _first_unique(choices)
    return {path: names[file] for path, file in files.items()}


def _first_unique(choices: Sequence[dict[Path, str]]) -> dict[Path, str]:
    keys: tuple[Callable[[str], str], ...] = (str.casefold, str)
    for key in keys:
        for names in choices:
            if len({key(name) for name in names.values()}) == len(names):
                return names
    return choices[-1]  # whole paths differ


def inside(folder: str | Path, name: str, source: str | Path, *,
           allow: bool = False) -> Path:
    """Return the file that another file names, if it lies in its folder.

    Args:
        folder: Where the named file belongs.
        name: What is written in ``source``, relative to ``folder``. What a
            link inside the folder points to does not matter.
        source: The file that holds the name, for messages.
        allow: Whether the file may lie anywhere; the argument that users
            set is called ``allow_outside``.

    Raises:
        ValueError: If the name is absolute or leaves the folder.
    """
    if '\0' in name:
        raise ValueError(f'{source} names {name!r}, which no file can be '
                         'called; correct it')
    if allow:
        return Path(folder, name)
    local = os.path.normpath(name)
    leaves = Path(name).is_absolute() or re.match(r'[a-zA-Z]:|\\', name)
    if leaves or re.split(r'[/\\]', local)[0] == '..':
        raise ValueError(
            f'{source} names {name!r}, which is not inside {folder}; write '
            'names below that folder, or set `allow_outside=True` if you '
            'trust whoever wrote the file')
    return Path(folder, local)


def name_file(file: BinaryIO, path: Path) -> None:
    """Give a file of ``tempfile.TemporaryFile`` its name, in one step.

    Args:
        file: In the folder of ``path``; flushed.
        path: New, or a file to replace; everybody may read it afterwards.

    Raises:
        OSError: If the disk is full.
    """
    os.fchmod(file.fileno(), 0o644)
    os.fsync(file.fileno())
    unfinished = path.with_name(f'.{path.name}.{os.getpid()}.part')
    try:
        try:  # `src_dir_fd` makes Python follow the link
            os.link(f'/proc/self/fd/{file.fileno()}', unfinished,
                    src_dir_fd=file.fileno())
        except OSError:  # a file system where an open file has lost its name
            file.seek(0)
            with unfinished.open('wb') as copy:
                shutil.copyfileobj(file, copy)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def printable(text: str) -> str:
    r"""Return text that every terminal and UTF-8 file takes, on one line.

    Control characters and bytes that are not UTF-8, as file names may hold,
    become escapes such as ``\n`` and ``\udcff``.
    """
    text = text.encode('utf-8', 'backslashreplace').decode()
    return ''.join(letter if letter.isprintable() else
                   letter.encode('unicode_escape').decode()
                   for letter in text)


def picture_name(stem: str) -> str:
    """Return a file name, without suffix, that every backend can write.

    Args:
        stem: Of an image; kept unless it is very long or holds what no
            encoder of pictures takes.
    """
    name = re.sub(r'[/\\]', '_', printable(stem))
    return name.encode()[:_MOST_BYTES].decode(errors='ignore')


def write_picture(path: str | Path, image: np.ndarray) -> None:
    """Encode and write a picture; the folder is made.

    OpenCV's own ``imwrite`` ends the process at a name that is not UTF-8
    and returns False where a disk is full.

    Args:
        path: File; its suffix chooses the format.
        image: (H, W) or (H, W, 3) uint8, BGR.

    Raises:
        UnwrittenPictureError: If it cannot be encoded or written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())
    except (OSError, cv2.error) as error:
        raise UnwrittenPictureError(
            f'the picture {printable(str(path))} cannot be written ({error}); '
            'check the name, the disk and the rights of the folder'
        ) from error
