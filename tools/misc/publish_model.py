"""Write a trained model as a folder that others can test.

    tools/misc/publish_model.py CONFIG CHECKPOINT OUT

OUT then holds the weights alone (model.safetensors), the whole config, the
metrics that a test of these two files gave, how they came about, the hash of
every file, and a model card. `tools/test.py OUT/config.py
OUT/model.safetensors` gives the numbers of the card back.
"""
import argparse
import platform
import tempfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import print_log
from mmengine.runner import Runner
from mmseg.registry import METRICS

from mmseg_anomaly.engine import command_line
from mmseg_anomaly.engine.head_checkpoint import attach_head, read_head
from mmseg_anomaly.engine.run_tool import ToolParser, run_tool
from mmseg_anomaly.file_hash import sha256_of
from mmseg_anomaly.model_card import HASHES, model_card, write_hashes
from mmseg_anomaly.model_conversion.checkpoint_files import (
    read_checkpoint,
    write_checkpoint,
)
from mmseg_anomaly.models.scoring.scorer_configs import formula, scorer_name
from mmseg_anomaly.reporting.provenance import (
    VOID_POLICY,
    versions,
    write_json,
)
from mmseg_anomaly.safe_writing import check_outputs, whole_folder
from mmseg_anomaly.text_files import read_json

CONFIG, WEIGHTS = 'config.py', 'model.safetensors'
COUNTS = ('num_images', 'num_normal_images', 'num_pixels', 'num_positives',
          'metric_protocol')


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = ToolParser(
        description=__doc__.splitlines()[0],
        epilog='\n'.join(__doc__.splitlines()[1:]),
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='test config file path')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('out', type=Path, help='folder to write')
    parser.add_argument('--name', help="default: the config's name")
    parser.add_argument(
        '--license', help='of the weights, as the Hugging Face Hub calls it, '
        'e.g. apache-2.0')
    parser.add_argument(
        '--work-dir', help='the dir to keep the log of the test in')
    command_line.add_common_arguments(parser)
    return parser.parse_args(argv)


def check_arguments(args: argparse.Namespace) -> None:
    """Refuse what could not be finished, before anything is written.

    Raises:
        ValueError: If there are several processes.
        FileExistsError: If the folder holds something.
    """
    if args.launcher != 'none':
        raise ValueError('one process publishes a model, got --launcher '
                         f'{args.launcher}: leave it out')
    check_outputs([args.out], [args.config, args.checkpoint])
    if args.out.exists() and any(args.out.iterdir()):
        raise FileExistsError(f'{args.out} is not empty: name another '
                              'folder, or remove it first')


def settle_thresholds(cfg: Config, checkpoint: str) -> None:
    """Put thresholds of files into the config: they name the old weights.

    Raises:
        ValueError: If one was chosen for another checkpoint or pixel head.
    """
    cfg.load_from = checkpoint
    for evaluator in command_line.check_thresholds(cfg):
        metric = METRICS.build(evaluator)
        evaluator.threshold = metric.threshold
        evaluator.scorers = list(metric.scorers)


def write_model(cfg: Config, checkpoint: str, out: Path) -> None:
    """Write config and weights, which need no other file of the model."""
    weights, about = read_checkpoint(checkpoint)
    for hook in cfg.get('custom_hooks') or ():
        if hook['type'] == 'AttachHeadHook' and hook.get('head'):
            weights = attach_head(
                weights, read_head(hook.head),
                (Path(checkpoint).name, Path(hook.head).name))
            hook.head = None
    write_checkpoint(out / WEIGHTS, weights, extras=about.get('extras'),
                     classes=about.get('classes'),
                     palette=about.get('palette'))
    cfg = Config(cfg.to_dict())
    cfg.load_from = None
    cfg.resume = False
    for key in ('work_dir', 'launcher'):
        cfg.pop(key, None)
    cfg.dump(out / CONFIG)


def test_model(out: Path, work_dir: str) -> tuple[Runner, dict, list[dict]]:
    """Test the two files that were written.

    Returns:
        The runner, its metrics, and what each ``AnomalyMetric`` counted.
    """
    cfg = Config.fromfile(out / CONFIG)
    cfg.work_dir = work_dir
    cfg.load_from = str(out / WEIGHTS)
    evaluators = cfg.test_evaluator
    if isinstance(evaluators, dict):
        evaluators = [evaluators]
    paths = []
    for evaluator in evaluators:
        if evaluator['type'] == 'AnomalyMetric':
            paths.append(Path(work_dir, f'anomaly_{len(paths)}.json'))
            evaluator.summary_path = str(paths[-1])
    cfg.test_evaluator = evaluators
    runner = command_line.build_runner(cfg)
    metrics = {key: float(value) for key, value in runner.test().items()}
    return runner, metrics, [read_json(path) for path in paths]


def describe(runner: Runner, summaries: list[dict]) -> dict[str, Any]:
    """Say how the metrics came about, as far as the runner knows."""
    cfg, dataset = runner.cfg, runner.test_dataloader.dataset
    scorers = (cfg.model.get('test_cfg') or {}).get('scorer', [])
    scorers = scorers if isinstance(scorers, list) else [scorers]
    protocols = [summary['protocol'] for summary in summaries]
    classes = list(dataset.metainfo.get('classes') or ())
    cuda = get_device() == 'cuda'
    return dict(
        precision='mixed' if cfg.test_cfg.get('fp16') else 'float32',
        windows=protocols[0] if protocols else 'not stated',
        scorers={scorer_name(each): formula(each) for each in scorers},
        dataset=dict(
            type=type(dataset).__name__,
            data_root=cfg.test_dataloader.dataset.get('data_root'),
            num_images=len(dataset), num_classes=len(classes),
            classes=classes,
            anomalies=[{key: summary[key] for key in COUNTS}
                       for summary in summaries]),
        void=VOID_POLICY,
        device=torch.cuda.get_device_name() if cuda else get_device(),
        versions=dict(versions(), timm=metadata.version('timm'),
                      python=platform.python_version()))


def publish(cfg: Config, args: argparse.Namespace, out: Path,
            work_dir: str) -> None:
    """Fill the folder."""
    settle_thresholds(cfg, args.checkpoint)
    write_model(cfg, args.checkpoint, out)
    runner, metrics, summaries = test_model(out, work_dir)
    protocol = dict(
        config=Path(args.config).name,
        checkpoint=dict(file=Path(args.checkpoint).name,
                        sha256=sha256_of(args.checkpoint)),
        weights_sha256=sha256_of(out / WEIGHTS),
        **describe(runner, summaries))
    write_json(out / 'metrics.json', metrics)
    write_json(out / 'protocol.json', protocol)
    name = args.name or Path(args.config).stem
    (out / 'README.md').write_text(
        model_card(name, metrics, protocol, args.license), 'utf-8',
        'backslashreplace')
    write_hashes(out)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    check_arguments(args)
    cfg = command_line.load_config(args)
    if args.amp:
        command_line.enable_amp_inference(cfg)
    with (tempfile.TemporaryDirectory() as folder,
          whole_folder(args.out, [args.config, args.checkpoint]) as out):
        publish(cfg, args, out, args.work_dir or folder)
    print_log(f'Wrote {args.out}; check it with `sha256sum -c {HASHES}` '
              'there', 'current')


if __name__ == '__main__':
    run_tool(main)
