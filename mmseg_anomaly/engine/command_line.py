"""The command line that tools/train.py and tools/test.py share."""
import logging
import os
from argparse import ArgumentParser, Namespace
from collections.abc import Collection, Mapping
from pathlib import Path

from mmengine.config import Config, ConfigDict
from mmengine.logging import print_log
from mmengine.runner import Runner
from mmseg.registry import RUNNERS

from ..checks import integer_option
from ..evaluation.heatmap_files import rounding_losses, rounding_warnings
from ..evaluation.threshold_file import read_threshold
from .config_options import (
    CheckedDictAction,
    merge_options,
    read_config,
    stale_variables,
)
from .config_values import check_values
from .head_checkpoint import attached_head
from .runner import LAUNCHER_VARIABLES

LAUNCHERS = ('none', 'pytorch', 'slurm', 'mpi')
AMP_WRAPPER = 'DeviceAmpOptimWrapper'
READ_BY_AMP = ('optim_wrapper.loss_scale', 'optim_wrapper.dtype')
REPLACED_BY_AMP = ('OptimWrapper', 'AmpOptimWrapper', AMP_WRAPPER)


def add_common_arguments(parser: ArgumentParser) -> None:
    """Add the options that MMSeg's train.py and test.py share, and --amp."""
    parser.add_argument(
        '--amp', action='store_true',
        help='compute in mixed precision: bfloat16 on the CPU, float16 on '
        'a GPU')
    parser.add_argument(
        '--cfg-options', nargs='+', action=CheckedDictAction,
        help='override settings of the config by key=value; a list is '
        'written key="[a,b]" or key=a,b, a nested one key="[(a,b),(c,d)]", '
        'in quotes and without blanks')
    parser.add_argument(
        '--launcher', choices=LAUNCHERS, default='none', help='job launcher')
    parser.add_argument(
        '--local_rank', '--local-rank', type=integer_option(low=0), default=0,
        help='set by launchers; LOCAL_RANK of the environment goes first')


def load_config(args: Namespace, also_read: Collection[str] = ()) -> Config:
    """Read the config and apply the options common to train and test.

    Args:
        args: Result of a parser with `config`, `--work-dir` and the
            arguments of `add_common_arguments`.
        also_read: Keys of `--cfg-options` that only the tool reads.

    Returns:
        The config with `launcher` and `work_dir` set; without `--work-dir`
        and without one in the config it is `work_dirs/` plus the config's
        name.

    Raises:
        FileNotFoundError: If there is no such config.
        TypeError: If a value that MMEngine reads is of another type.
        ValueError: If one is out of range, the config is no Python, has no
            model, or an option changes nothing.
    """
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    cfg = read_config(args.config)
    for sentence in stale_variables(cfg):
        print_log(sentence, 'current', logging.WARNING)
    cfg.launcher = args.launcher
    if args.amp:
        also_read = (*also_read, *READ_BY_AMP)
    merge_options(cfg, args.cfg_options, also_read)
    check_values(cfg)
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = str(Path('work_dirs') / Path(args.config).stem)
    return cfg


def enable_amp_training(cfg: Config) -> None:
    """Let training steps compute in mixed precision.

    Raises:
        ValueError: If the optimizer wrapper is not one that it can replace.
    """
    kind = cfg.optim_wrapper.get('type', 'OptimWrapper')
    if kind not in REPLACED_BY_AMP:
        raise ValueError(
            f'--amp needs `optim_wrapper.type` to be one of '
            f'{REPLACED_BY_AMP}, got {kind!r}: drop --amp, or change it.')
    cfg.optim_wrapper.type = AMP_WRAPPER


def enable_amp_inference(cfg: Config) -> None:
    """Let the loops of validation and test compute in mixed precision."""
    for loop in ('val_cfg', 'test_cfg'):
        if cfg.get(loop) is not None:
            cfg[loop].fp16 = True


def enable_heatmaps(cfg: Config, output_dir: str, method: str) -> None:
    """Write heat maps while testing, and rank them as they are written.

    Args:
        cfg: Its hooks and evaluators get one more each.
        output_dir: What SegmentMeIfYouCan's code calls ``DIR_OUTPUTS``.
        method: First part of the name of each method.
    """
    cfg.custom_hooks = [
        *(cfg.get('custom_hooks') or ()),
        dict(type='HeatmapHook', output_dir=output_dir, method=method)
    ]
    evaluators = cfg.test_evaluator
    if isinstance(evaluators, dict):
        evaluators = [evaluators]
    cfg.test_evaluator = [*evaluators, dict(type='Float16AnomalyMetric')]


def labelled_pipeline(cfg: Config) -> list[dict]:
    """Return the config's pipeline of images with labels.

    Raises:
        ValueError: If it does not check the labels it loads.
    """
    pipeline = cfg.test_dataloader.dataset.get('pipeline')
    if pipeline is None:
        pipeline = cfg.test_pipeline
    kinds = [step['type'] for step in pipeline]
    if 'LoadCheckedAnnotations' not in kinds:
        raise ValueError(
            'the test pipeline of the config must load labels by '
            'LoadCheckedAnnotations, which refuses labels of another '
            f'convention, got {kinds}; put it in the place of '
            'LoadAnnotations, with the `num_classes` of the model')
    return pipeline


def check_thresholds(cfg: Config) -> list[ConfigDict]:
    """Check that threshold files of metrics are for the model.

    Returns:
        The metrics that read one.

    Raises:
        ValueError: If one was chosen for another checkpoint or pixel head.
    """
    evaluators = cfg.get('test_evaluator') or ()
    if isinstance(evaluators, dict):
        evaluators = [evaluators]
    reading = [evaluator for evaluator in evaluators
               if isinstance(evaluator.get('threshold'), str)
               and evaluator.threshold != 'best_f1']
    for evaluator in reading:
        read_threshold(evaluator.threshold, cfg.load_from, attached_head(cfg))
    return reading


def warn_of_rounding(metrics: Mapping[str, float]) -> None:
    """Log which of the heat maps lost more than a trace in float16.

    Args:
        metrics: Of ``AnomalyMetric`` and ``Float16AnomalyMetric``.
    """
    for warning in rounding_warnings(rounding_losses(metrics)):
        print_log(warning, 'current', logging.WARNING)


def is_first_process(launcher: str) -> bool:
    """Tell whether this process is the first that a launcher started.

    Unlike MMEngine's rank, it is known before the processes have met.
    """
    variables = LAUNCHER_VARIABLES.get(launcher)
    return variables is None or os.environ.get(variables['RANK']) == '0'


def build_runner(cfg: Config) -> Runner:
    """Build the runner that the config names, by default AnomalyRunner.

    Checkpoints are compared with the model, the parts of a run with each
    other, losses that are not finite end a training, and each iteration is
    seeded, even if the config does not use our `default_runtime.py`.
    """
    cfg.setdefault('runner_type', 'AnomalyRunner')
    cfg.setdefault('default_hooks', {})
    cfg.default_hooks.setdefault(
        'strict_checkpoint', dict(type='StrictCheckpointHook'))
    cfg.default_hooks.setdefault('finite', dict(type='FiniteHook'))
    cfg.default_hooks.setdefault('first_look', dict(type='FirstLookHook'))
    cfg.default_hooks.setdefault(
        'seed_iteration', dict(type='SeedIterationHook'))
    cfg.default_hooks.setdefault(
        'output_names', dict(type='OutputNamesHook'))
    return RUNNERS.build(cfg)
