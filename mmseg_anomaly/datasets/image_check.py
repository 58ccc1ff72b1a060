"""Find broken image files before a decoder fills the gap with grey.

OpenCV decodes what is left of a cut file and paints the rest. There are two
checks. ``check_image`` finds every damage that the format can show and is for
images whose scores count; for a JPEG it takes two thirds of the time of
decoding. ``has_end_mark`` costs nothing and is for objects to paste, of which
a worker reads one after the other and can take another.
"""
import logging
from io import BytesIO
from pathlib import Path

from mmengine import fileio
from mmengine.logging import print_log
from PIL import Image

from mmseg_anomaly.progress import with_progress

from .label_files import PILLOW_ERRORS, read_label

_TAIL_BYTES = 1024  # room for what cameras and tools append to a JPEG


def check_image(path: str, backend_args: dict | None = None) -> None:
    """Raise if an image file is damaged or cut off.

    PNG is checked by its checksums, JPEG by decoding it at an eighth of its
    size, WebP by opening it.

    Args:
        path: Image file.
        backend_args: Arguments of the file backend.

    Raises:
        ValueError: If the file is broken.
    """
    content = fileio.get(path, backend_args=backend_args)
    try:
        with Image.open(BytesIO(content)) as image:
            if image.format == 'JPEG':
                image.draft('L', (1, 1))
                image.load()
            else:
                image.verify()
    except PILLOW_ERRORS as error:
        raise ValueError(
            f'image {path} of {len(content)} bytes is broken ({error}); copy '
            'it again') from error


def has_end_mark(content: bytes) -> bool:
    """Return whether an image file holds the last mark of its format.

    Args:
        content: Whole file; formats other than JPEG and PNG need not be
            empty, and that is all.
    """
    tail = content[-_TAIL_BYTES:]
    if content.startswith(b'\xff\xd8'):  # JPEG
        return b'\xff\xd9' in tail
    if content.startswith(b'\x89PNG'):
        return b'IEND' in tail
    return len(content) > 0


def without_broken(data_list: list[dict]) -> tuple[list[dict], str]:
    """Leave out samples whose image or label file is broken.

    Args:
        data_list: Samples as datasets list them, with ``seg_map_path`` if
            they have labels, and ``frame_id`` if they have a name.

    Returns:
        The sound samples, and the names of the others in words, '' if there
        are none. A warning names each broken file.

    Raises:
        ValueError: If all are broken.
    """
    sound, broken = [], []
    for info in with_progress(data_list, 'looking at images'):
        try:
            check_image(info['img_path'])
            if 'seg_map_path' in info:
                read_label(info['seg_map_path'])
        except ValueError as error:
            broken.append(info.get('frame_id', Path(info['img_path']).stem))
            print_log(f'left out: {error}', logger='current',
                      level=logging.WARNING)
        else:
            sound.append(info)
    if data_list and not sound:
        raise ValueError(
            f'all {len(data_list)} images of the set, first '
            f'{data_list[0]["img_path"]}, are broken; copy the set again')
    return sound, f'broken files left out: {broken}' if broken else ''
