"""Cut the objects of a COCO or LVIS json out, into one file.

Training from it needs neither the json nor the images nor pycocotools, and
reads what it pastes only:

    source=dict(type='PackedOutliers', pack_file='data/coco/train2017.pack')

It pastes the pixels that ``CocoOutliers`` with the same filters would, unless
``--max-side`` shrinks large objects to save space. Images that are broken are
named and left out.
"""
import argparse
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path

import cv2
import mmengine
import numpy as np
from mmengine.logging import MMLogger

from mmseg_anomaly.checks import integer_option
from mmseg_anomaly.datasets.outliers import BrokenImageError, CocoOutliers
from mmseg_anomaly.datasets.outliers.cutout import (
    fit_longer_side,
    resize_cutout,
)
from mmseg_anomaly.datasets.outliers.packed import encode_cutout, write_pack
from mmseg_anomaly.engine.config_options import CheckedDictAction
from mmseg_anomaly.engine.run_tool import ToolParser, run_tool
from mmseg_anomaly.safe_writing import check_outputs


class Cutter:
    """Cuts single objects, in any process.

    Args:
        source: All objects.
        max_side: Longer side to which larger ones shrink; None for none.
    """

    def __init__(self, source: CocoOutliers, max_side: int | None) -> None:
        self.source = source
        self.max_side = max_side

    def __call__(self, number: int) -> tuple[int, bytes | None, dict | str]:
        """Return number, pixels and record, or number, None and the error."""
        cv2.setNumThreads(1)
        try:
            cutout = self.source[number]
        except BrokenImageError as error:
            return number, None, str(error)
        size_hw = cutout.alpha.shape
        if self.max_side is not None and max(size_hw) > self.max_side:
            cutout = resize_cutout(
                cutout, fit_longer_side(size_hw, self.max_side))
        return number, *encode_cutout(cutout)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = ToolParser(description=__doc__.splitlines()[0])
    parser.add_argument('root', help='folder of the set')
    parser.add_argument(
        '--ann-file', default='annotations/instances_train2017.json',
        help='below root (default: %(default)s)')
    parser.add_argument(
        '--img-path', default='train2017',
        help='below root (default: %(default)s)')
    parser.add_argument(
        '--filters', nargs='+', action=CheckedDictAction, default={},
        help='options of CocoOutliers, such as min_area=1000 max_aspect=4')
    parser.add_argument(
        '--max-side', type=integer_option(low=1),
        help='longer side of an object, in pixels; '
        'larger ones are shrunk (default: none)')
    parser.add_argument(
        '--nproc', type=integer_option(low=1), default=2,
        help='processes that cut (default: %(default)s)')
    parser.add_argument('-o', '--out', type=Path, required=True,
                        help='file to write, *.pack')
    args = parser.parse_args(argv)
    if args.out.suffix != '.pack':
        parser.error(f'--out must end in .pack, got {args.out}')
    return args


def cut_all(cutter: Cutter, nproc: int,
            broken: list[str]) -> Iterator[tuple[int, bytes, dict]]:
    """Yield what ``write_pack`` wants; put the rest into ``broken``."""
    progress = mmengine.ProgressBar(len(cutter.source))
    with ExitStack() as stack:
        if nproc == 1:
            results = map(cutter, range(len(cutter.source)))
        else:
            pool = stack.enter_context(get_context('fork').Pool(nproc))
            results = pool.imap_unordered(
                cutter, range(len(cutter.source)), chunksize=32)
        for number, blob, record in results:
            progress.update()
            if blob is None:
                broken.append(record)
            else:
                yield number, blob, record


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    check_outputs([args.out], [Path(args.root, args.ann_file)])
    logger = MMLogger.get_instance('coco_outliers')
    source = CocoOutliers(
        args.ann_file, args.root, data_prefix=dict(img_path=args.img_path),
        **args.filters)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    broken = []
    settings = dict(
        ann_file=Path(args.ann_file).name, filters=dict(args.filters),
        max_side=args.max_side)
    num_objects = write_pack(
        args.out,
        cut_all(Cutter(source, args.max_side), args.nproc, broken), settings)
    for message in np.unique(broken):
        logger.warning(f'left out: {message}')
    size_mb = args.out.stat().st_size / 1e6
    logger.info(f'{num_objects} objects in {args.out}, {size_mb:.1f} MB; '
                f'{len(broken)} left out')


if __name__ == '__main__':
    run_tool(main)
