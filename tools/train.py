"""Train a segmentor."""
import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config
from mmengine.logging import print_log

from mmseg_anomaly.engine import command_line
from mmseg_anomaly.engine.run_tool import ToolParser, run_tool


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = ToolParser(description='Train a segmentor')
    parser.add_argument('config', help='train config file path')
    parser.add_argument('--work-dir', help='the dir to save logs and models')
    parser.add_argument(
        '--resume', action='store_true',
        help='go on from the latest checkpoint in the work dir, or from '
        'load_from if it is given by --cfg-options')
    command_line.add_common_arguments(parser)
    return parser.parse_args(argv)


def enable_resume(cfg: Config, cfg_options: dict | None) -> None:
    """Resume the work dir's own last checkpoint rather than `load_from`.

    MMEngine would resume from the config's `load_from`, which is where the
    training once started.
    """
    cfg.resume = True
    if cfg_options and 'load_from' in cfg_options:
        return
    if (Path(cfg.work_dir) / 'last_checkpoint').is_file():
        cfg.load_from = None
        return
    cfg.resume = False
    print_log(
        f'There is no checkpoint in {cfg.work_dir} to resume from: training '
        'starts from its beginning.', logger='current',
        level=logging.WARNING)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    cfg = command_line.load_config(args)
    if args.amp:
        command_line.enable_amp_training(cfg)
        command_line.enable_amp_inference(cfg)
    if args.resume:
        enable_resume(cfg, args.cfg_options)
    command_line.build_runner(cfg).train()


if __name__ == '__main__':
    run_tool(main)
