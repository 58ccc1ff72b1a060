"""Draw a road world, learn it, and find what does not belong in it.

One command, no download: it writes the data, tests the untrained model,
trains it, tests it again, and says where the pictures are.
"""
import argparse
import json
import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

# Read when torch is imported. Threads that sleep while they wait cost little
# on a quiet machine; on a busy one, threads that spin made a step ten times
# slower.
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')

from mmengine.config import Config  # noqa: E402
from mmengine.logging import print_log  # noqa: E402
from mmengine.runner import Runner  # noqa: E402

from mmseg_anomaly.checks import integer_option  # noqa: E402
from mmseg_anomaly.engine import command_line  # noqa: E402
from mmseg_anomaly.engine.run_tool import ToolParser, run_tool  # noqa: E402

# next to the tool that writes the same world
sys.path.insert(0, str(Path(__file__).parents[1] / 'dataset_converters'))

from road_world.writer import WorldSize, write_world  # noqa: E402

CONFIG = (
    Path(__file__).parents[2] / 'configs/eomt_ext/eomt_tiny_demo_oe_eim.py')
METRICS = ('mIoU', 'anomaly/AuPRC', 'anomaly/FPR95', 'anomaly/AUROC')


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = ToolParser(description=__doc__)
    parser.add_argument(
        '--config', default=str(CONFIG), help='default: %(default)s')
    parser.add_argument(
        '--work-dir', help='the dir to save logs, model and pictures to')
    parser.add_argument(
        '--nproc', type=integer_option(low=1), default=2,
        help='processes that draw the world (default: %(default)s)')
    command_line.add_common_arguments(parser)
    return parser.parse_args(argv)


def build_runner(cfg: Config, name: str, draw: bool) -> Runner:
    """Build the runner of one stage; every stage starts from one seed."""
    cfg.experiment_name = f'{name}_{time.strftime("%Y%m%d_%H%M%S")}'
    cfg.visualizer.name = name  # MMEngine keeps one instance of a name
    cfg.default_hooks.visualization.draw = draw
    return command_line.build_runner(cfg)


def compare(untrained: dict, trained: dict) -> str:
    """Return a table of the metrics of both models."""
    rows = [f'{"":10}{"untrained":>12}{"trained":>12}']
    for metric in METRICS:
        name = metric.removeprefix('anomaly/')
        rows.append(
            f'{name:10}{untrained[metric]:12.2f}{trained[metric]:12.2f}')
    return '\n'.join(rows)


def main(argv: Sequence[str] | None = None) -> None:
    start = time.time()
    args = parse_args(argv)
    cfg = command_line.load_config(args)
    write_world(cfg.data_root, WorldSize(**cfg.world), args.nproc)
    untrained = build_runner(cfg, 'untrained', draw=False).test()
    runner = build_runner(cfg, 'trained', draw=True)
    runner.train()
    trained = runner.test()
    summary = Path(cfg.work_dir, 'quick_start.json')
    summary.write_text(
        json.dumps(
            {
                stage: {name: float(value) for name, value in metrics.items()}
                for stage, metrics in (('untrained', untrained),
                                       ('trained', trained))
            },
            indent=2))
    pictures = Path(runner.log_dir, 'vis_data', 'vis_image')
    print_log(
        f'\n\n{compare(untrained, trained)}\n\n'
        'All in percent; of FPR95 lower is better. The world is drawn, '
        'so these\nnumbers compare a model with itself, not with others.\n'
        f'Pictures (image, truth, classes, heat map): {pictures}\n'
        f'Every score of both models: {summary}\n'
        f'It took {(time.time() - start) / 60:.1f} minutes.',
        logger='current', level=logging.INFO)


if __name__ == '__main__':
    run_tool(main)
