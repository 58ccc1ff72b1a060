"""Write the generated road world of the quick start to disk.

Does nothing if the folder already holds the world asked for.
"""
import argparse
from collections.abc import Sequence

import cv2

from mmseg_anomaly.checks import integer_option
from mmseg_anomaly.engine.run_tool import ToolParser, run_tool
from road_world.writer import WorldSize, write_world


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    default = WorldSize()
    parser = ToolParser(description=__doc__)
    parser.add_argument(
        'root',
        nargs='?',
        default='data/synthetic_roads',
        help='folder to write (default: %(default)s)')
    parser.add_argument(
        '--num-train', type=integer_option(low=1), default=default.num_train,
        help='training scenes (default: %(default)s)')
    parser.add_argument(
        '--num-val', type=integer_option(low=1), default=default.num_val,
        help='validation scenes, and as many test scenes '
        '(default: %(default)s)')
    parser.add_argument(
        '--num-outliers', type=integer_option(low=1),
        default=default.num_outliers,
        help='strange objects for training, and for testing '
        '(default: %(default)s)')
    parser.add_argument(
        '--size', type=integer_option(low=32), nargs=2,
        default=default.image_hw,
        metavar=('HEIGHT', 'WIDTH'), help='of the scenes (default: '
        f'{default.image_hw[0]} {default.image_hw[1]})')
    parser.add_argument(
        '--seed', type=integer_option(low=0), default=default.seed)
    parser.add_argument(
        '--nproc', type=integer_option(low=1), default=2,
        help='processes that draw (default: %(default)s)')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    cv2.setNumThreads(1)
    size = WorldSize(
        num_train=args.num_train,
        num_val=args.num_val,
        num_outliers=args.num_outliers,
        image_hw=tuple(args.size),
        seed=args.seed)
    write_world(args.root, size, args.nproc)


if __name__ == '__main__':
    run_tool(main)
