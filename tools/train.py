"""Train a segmentor."""
import argparse
from collections.abc import Sequence

from mmengine.config import Config

from mmseg_anomaly.engine import command_line
from mmseg_anomaly.engine.run_tool import ToolParser, run_tool


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = ToolParser(description='Train a segmentor')
    parser.add_argument('config', help='train config file path')
    parser.add_argument('--work-dir', help='the dir to save logs and models')
    parser.add_argument(
        '--resume', action='store_true',
        help='go on from the newest whole checkpoint in the work dir, or '
        'from load_from if it is given by --cfg-options')
    parser.add_argument(
        '--resume-weights-only', action='store_true',
        help='as --resume, but take the weights alone, also of a file that '
        'holds nothing else, and start at iteration 0')
    parser.add_argument(
        '--overwrite', action='store_true',
        help='with --resume, start from the beginning if there are broken '
        'checkpoints only, instead of stopping')
    command_line.add_common_arguments(parser)
    args = parser.parse_args(argv)
    if args.overwrite and not (args.resume or args.resume_weights_only):
        parser.error('--overwrite needs --resume: without it a training '
                     'starts from its beginning anyway')
    return args


def enable_resume(cfg: Config, args: argparse.Namespace) -> None:
    """Resume from the work dir rather than from the config's `load_from`.

    The latter is where the training once started. It is resumed from if
    `--cfg-options` names it.
    """
    named = 'load_from' in (args.cfg_options or {})
    cfg.resume = True if named else 'auto'
    cfg.resume_weights_only = args.resume_weights_only
    cfg.overwrite = args.overwrite


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    cfg = command_line.load_config(args)
    if args.amp:
        command_line.enable_amp_training(cfg)
        command_line.enable_amp_inference(cfg)
    if args.resume or args.resume_weights_only:
        enable_resume(cfg, args)
    command_line.build_runner(cfg).train()


if __name__ == '__main__':
    run_tool(main)
