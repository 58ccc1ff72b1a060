"""The EXIF tag that turns or mirrors a picture when it is displayed.

One rule for everything that has labels: pixels count as they are stored, and
the tag is ignored, as by the benchmarks' own code and pycocotools. Labels
that were drawn on the displayed picture do not fit then, so files whose tag
matters are named. A picture without a dataset, handed to a function for
inference, is turned as it is displayed.
"""
import re
from io import BytesIO

from PIL import Image

from .label_files import PILLOW_ERRORS

_TAG = 0x0112
_MEANINGS = {
    2: 'mirrored', 3: 'turned by 180 degrees', 4: 'mirrored upside down',
    5: 'mirrored and turned', 6: 'turned by 90 degrees',
    7: 'mirrored and turned', 8: 'turned by 270 degrees'
}
_HAS_EXIF = re.compile(rb'exif|II\*\0|MM\0\*', re.IGNORECASE)
_SEARCHED_BYTES = 1 << 16  # EXIF stands at the start or the end of a file


def orientation(content: bytes) -> int:
    """Return the orientation of a picture; 1 is as stored.

    Args:
        content: Whole file; 1 where it cannot be read.
    """
    ends = content[:_SEARCHED_BYTES], content[-_SEARCHED_BYTES:]
    if not any(map(_HAS_EXIF.search, ends)):
        return 1  # the usual case, hundreds of times faster
    try:
        with Image.open(BytesIO(content)) as image:
            value = image.getexif().get(_TAG, 1)
    except PILLOW_ERRORS:
        return 1
    return value if value in _MEANINGS else 1


def orientation_note(content: bytes) -> str:
    """Say what the tag of a picture would do and how to be rid of it.

    Args:
        content: Whole file.

    Returns:
        '' where the tag changes nothing.
    """
    value = orientation(content)
    if value == 1:
        return ''
    return (f'its EXIF orientation {value} displays it '
            f'{_MEANINGS[value]}, but with labels pixels count as stored; '
            'where the labels were drawn on the displayed picture, turn the '
            'pixels and remove the tag, as `mogrify -auto-orient` does')
