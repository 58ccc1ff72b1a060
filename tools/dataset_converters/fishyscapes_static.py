"""Turn a release of Fishyscapes Static into images.

The release (fs_val_v1, fs_val_v2 or fs_val_v3) stores for each image the
difference to an image of Cityscapes val. This adds the two, losslessly:

    OUT/images/NNNN_CITYSCAPES-ID.png
    OUT/labels_masks/NNNN_CITYSCAPES-ID.png
    OUT/fishyscapes_static.json      version and checksums

OUT appears when it is complete; a run that was stopped is started again.
``FishyscapesStaticDataset`` loads it and refuses images of other versions.
"""
import argparse
import shutil
import zlib
from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import cv2
import mmengine
import numpy as np
from numpy.lib import format as npy

from mmseg_anomaly.datasets.benchmarks.fishyscapes import (
    VERSION_FILE,
    VERSIONS,
)
from mmseg_anomaly.engine.run_tool import ToolParser, run_tool
from mmseg_anomaly.file_hash import sha256_of
from mmseg_anomaly.safe_writing import whole_folder

SUFFIX = '_rgb.npz'


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = ToolParser(
        description='Turn a release of Fishyscapes Static into images')
    parser.add_argument('release', type=Path,
                        help='the unpacked folder of *_rgb.npz')
    parser.add_argument('cityscapes', type=Path,
                        help='leftImg8bit/val of Cityscapes')
    parser.add_argument(
        '--version', choices=VERSIONS, help='default: what the name of the '
        'folder says if it is fs_val_v1, fs_val_v2 or fs_val_v3')
    parser.add_argument('-o', '--out', type=Path, required=True)
    args = parser.parse_args(argv)
    names = {f'fs_val_{version}': version for version in VERSIONS}
    args.version = args.version or names.get(args.release.resolve().name)
    if args.version is None:
        parser.error(f'{args.release} is none of {list(names)}; say which '
                     'release it is by --version')
    if args.out.exists() and any(args.out.iterdir()):
        parser.error(f'--out {args.out} is not empty; choose a new folder, '
                     'or remove this one, so that versions do not mix')
    return args


def add_difference(image: np.ndarray, difference: np.ndarray) -> np.ndarray:
    """Return the sum, clipped to 8 bit.

    Args:
        image: (H, W, 3) uint8 RGB.
        difference: (H, W, 3) of a signed integer type, RGB.

    Source: bdl-benchmark, ``fishyscapes_tfds.py``.
    """
    if difference.shape != image.shape:
        raise ValueError(f'the difference is {difference.shape}, its image '
                         f'{image.shape}; they must be equal')
    if difference.dtype == np.uint8:
        raise ValueError('differences must be signed, got uint8; download '
                         'the release again')
    total = image.astype(np.int32) + difference.astype(np.int32)
    return total.clip(0, 255).astype(np.uint8)


def read_difference(source: Path, image_shape: tuple) -> np.ndarray:
    """Read what a file of the release adds to an image.

    Args:
        source: ``*_rgb.npz``.
        image_shape: (H, W, 3), compared before the array is read.

    Raises:
        ValueError: If the file is damaged or of another size.
    """
    try:
        with ZipFile(source) as archive, archive.open('rgb.npy') as member:
            major, _ = npy.read_magic(member)
            read_header = (npy.read_array_header_1_0 if major == 1 else
                           npy.read_array_header_2_0)
            shape, _, dtype = read_header(member)
        if shape == image_shape or dtype.hasobject:  # which is refused
            with np.load(source) as file:
                return file['rgb']
    except (BadZipFile, EOFError, KeyError, ValueError, zlib.error) as error:
        raise ValueError(f'{source} cannot be read ({error}); download the '
                         'release again') from error
    raise ValueError(f'the difference in {source} is {shape}, its image '
                     f'{image_shape}; they must be equal')


def convert_image(source: Path, cityscapes: Path, out: Path) -> str:
    """Write an image and its label; return their common name."""
    stem = source.name[:-len(SUFFIX)]  # NNNN_CITY_SEQUENCE_FRAME
    city_id = stem.split('_', 1)[1]
    image_path = (cityscapes / city_id.split('_')[0] /
                  f'{city_id}_leftImg8bit.png')
    image = cv2.imread(
        str(image_path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if image is None:
        raise FileNotFoundError(f'{source} changes {image_path}, which is '
                                'missing or broken; give leftImg8bit/val of '
                                'Cityscapes')
    result = add_difference(image[..., ::-1],
                            read_difference(source, image.shape))
    name = f'{stem}.png'
    if not cv2.imwrite(str(out / 'images' / name), result[..., ::-1]):
        raise OSError(f'could not write to {out}; check the disk')
    shutil.copyfile(source.with_name(f'{stem}_labels.png'),
                    out / 'labels_masks' / name)
    return name


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    sources = sorted(args.release.glob(f'*{SUFFIX}'))
    if not sources:
        raise FileNotFoundError(f'{args.release} holds no *{SUFFIX}; unpack '
                                'the release first')
    with whole_folder(args.out, [args.release, args.cityscapes]) as out:
        for folder in ('images', 'labels_masks'):
            (out / folder).mkdir()
        names = [
            convert_image(source, args.cityscapes, out)
            for source in mmengine.track_iter_progress(sources)
        ]
        mmengine.dump(
            dict(version=args.version, sha256={
                name: sha256_of(out / 'images' / name) for name in names}),
            out / VERSION_FILE, indent=1)
    print(f'\n{len(names)} images of version {args.version} in {args.out}')


if __name__ == '__main__':
    run_tool(main)
