"""Find broken image files before a decoder fills the gap with grey."""
from io import BytesIO

from mmengine import fileio
from PIL import Image


def check_image(path: str, backend_args: dict | None = None) -> None:
    """Raise if an image file is damaged or cut off.

    OpenCV decodes what is left of a cut file and paints the rest; such an
    image must not be scored. PNG is checked by its checksums, JPEG at an
    eighth of its size, WebP by opening it: cheaper than decoding.

    Args:
        path: Of the image.
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
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(
            f'image {path} of {len(content)} bytes is broken ({error}); copy '
            'it again') from error
