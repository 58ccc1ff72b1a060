"""Test a segmentor: metrics, and on demand predictions and pictures."""
import argparse
import logging
from collections.abc import Sequence
from inspect import signature
from pathlib import Path

from mmengine.config import Config
from mmengine.logging import print_log
from mmseg.registry import METRICS

from mmseg_anomaly.checks import number_option
from mmseg_anomaly.engine import command_line
from mmseg_anomaly.engine.image_versions import (
    add_version_arguments,
    choose_versions,
)
from mmseg_anomaly.engine.run_tool import ToolParser, run_tool
from mmseg_anomaly.engine.unlabelled import measure_nothing_without_labels


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = ToolParser(description='Test a segmentor')
    parser.add_argument('config', help='test config file path')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument(
        '--work-dir', help='the dir to save the metrics to, as json')
    parser.add_argument(
        '--out', help='the dir to save predictions to, for offline evaluation')
    parser.add_argument(
        '--show', action='store_true', help='show prediction results')
    parser.add_argument(
        '--show-dir', help='the dir to save painted images to')
    parser.add_argument(
        '--wait-time', type=number_option(low=0), default=2,
        help='the interval of show (s)')
    parser.add_argument(
        '--save-heatmaps', metavar='DIR',
        help='the dir to save the maps of all scorers to, as '
        'SegmentMeIfYouCan reads them')
    add_version_arguments(parser)
    command_line.add_common_arguments(parser)
    return parser.parse_args(argv)


def enable_visualization(cfg: Config, args: argparse.Namespace) -> None:
    """Turn the visualization hook on.

    Raises:
        ValueError: If the config has none, or no visualizer to hand to.
    """
    hook = (cfg.get('default_hooks') or {}).get('visualization')
    if hook is None:
        raise ValueError(
            '--show and --show-dir need a `visualization` entry in '
            '`default_hooks`: add '
            'visualization=dict(type="AnomalyVisualizationHook").')
    if cfg.get('visualizer') is None:
        raise ValueError(
            '--show and --show-dir need a `visualizer` in the config: add '
            'visualizer=dict(type="AnomalyLocalVisualizer", '
            'vis_backends=[dict(type="LocalVisBackend")]).')
    hook.draw = True
    if args.show:
        hook.show = True
        hook.wait_time = args.wait_time
    if args.show_dir:
        cfg.visualizer.save_dir = args.show_dir


def save_predictions(cfg: Config, output_dir: str) -> None:
    """Let every metric of the config that can write write what it is given.

    Raises:
        ValueError: If none can.
    """
    evaluators = cfg.test_evaluator
    if isinstance(evaluators, dict):
        evaluators = [evaluators]
    writing = [
        evaluator for evaluator in evaluators
        if 'output_dir' in signature(METRICS.get(evaluator.type)).parameters
    ]
    if not writing:
        raise ValueError(
            '--out needs a metric that writes what it is given, got '
            f'{[evaluator.type for evaluator in evaluators]}; add '
            "dict(type='SemanticIoUMetric') or dict(type='AnomalyMetric') to "
            '`test_evaluator`')
    for evaluator in writing:
        evaluator.output_dir = output_dir
        evaluator.keep_results = True


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    cfg = command_line.load_config(args)
    cfg.load_from = args.checkpoint
    cfg.resume = False
    if args.show or args.show_dir:
        enable_visualization(cfg, args)
    choose_versions(cfg, args.tta, args.scales)
    if args.amp:
        command_line.enable_amp_inference(cfg)
    if args.out is not None:
        save_predictions(cfg, args.out)
    if args.save_heatmaps is not None:
        command_line.enable_heatmaps(
            cfg, args.save_heatmaps, Path(args.config).stem)
    is_unlabelled = measure_nothing_without_labels(cfg, writes=any((
        args.out, args.show, args.show_dir, args.save_heatmaps)))
    command_line.check_thresholds(cfg)
    metrics = command_line.build_runner(cfg).test()
    command_line.warn_of_rounding(metrics)
    if is_unlabelled:
        print_log('the pictures have no labels: results were written, and '
                  'there are no numbers', 'current', logging.WARNING)


if __name__ == '__main__':
    run_tool(main)
