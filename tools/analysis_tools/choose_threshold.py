"""Choose the score above which pixels are flagged.

The threshold for a target false or true positive rate is stored next to the
checkpoint, where pictures and component metrics find it. A false positive
rate needs images without anomalies only, for example those of validation.
"""
import argparse
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config
from mmengine.logging import print_log

from mmseg_anomaly.checks import number_option
from mmseg_anomaly.engine import command_line
from mmseg_anomaly.engine.head_checkpoint import attached_head
from mmseg_anomaly.engine.run_tool import ToolParser, run_tool
from mmseg_anomaly.evaluation.threshold_file import threshold_path
from mmseg_anomaly.file_hash import sha256_of
from mmseg_anomaly.models.scoring.scorer_configs import formula, parse_scorer
from mmseg_anomaly.reporting.provenance import (
    VOID_POLICY,
    head_facts,
    versions,
)
from mmseg_anomaly.safe_writing import check_outputs


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = ToolParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', help='config of the model and the set')
    parser.add_argument('checkpoint', help='checkpoint file')
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument(
        '--fpr', type=number_option(low=0, high=1),
        help='false positive rate, in [0, 1]')
    target.add_argument(
        '--tpr', type=number_option(above=0, high=1),
        help='true positive rate, in (0, 1]')
    parser.add_argument(
        '--scorer', help='e.g. rba or softmax_msp:temperature=2; default: '
        'the first of the config')
    parser.add_argument(
        '--on', choices=('val', 'test'), default='val',
        help='which dataset of the config (default: %(default)s); a '
        'threshold chosen on test flatters the model there')
    parser.add_argument(
        '-o', '--out', help='default: CHECKPOINT with .threshold.json in the '
        'place of its suffix')
    parser.add_argument('--work-dir', help='the dir to save logs to')
    command_line.add_common_arguments(parser)
    return parser.parse_args(argv)


def one_scorer(cfg: Config, name: str | None) -> str | dict:
    """Return the entry of ``test_cfg.scorer`` to choose a threshold for."""
    if name is not None:
        return parse_scorer(name)
    scorer = (cfg.model.get('test_cfg') or {}).get('scorer', 'max_logit')
    return scorer[0] if isinstance(scorer, list | tuple) else scorer


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    cfg = command_line.load_config(args)
    cfg.load_from = args.checkpoint
    cfg.resume = False
    scorer = one_scorer(cfg, args.scorer)
    cfg.model.setdefault('test_cfg', {})
    cfg.model.test_cfg.scorer = scorer
    if args.on == 'val':
        if cfg.get('val_dataloader') is None:
            raise ValueError(f'{args.config} has no `val_dataloader` to '
                             'choose a threshold on: add one, or give '
                             '--on test')
        cfg.test_dataloader = cfg.val_dataloader
    dataset = cfg.test_dataloader.dataset
    path = args.out or str(threshold_path(args.checkpoint))
    check_outputs([path], [args.config, args.checkpoint, attached_head(cfg)])
    cfg.test_evaluator = dict(
        type='ThresholdMetric', fpr=args.fpr, tpr=args.tpr, path=path,
        facts=dict(
            formula=formula(scorer),
            void=VOID_POLICY,
            dataset=f'{dataset.type} in {dataset.get("data_root")}',
            config=args.config,
            checkpoint=Path(args.checkpoint).name,
            checkpoint_sha256=sha256_of(args.checkpoint), **head_facts(cfg),
            versions=versions()))
    if args.amp:
        command_line.enable_amp_inference(cfg)
    command_line.build_runner(cfg).test()
    print_log(f'the threshold is in {path}', 'current')


if __name__ == '__main__':
    run_tool(main)
