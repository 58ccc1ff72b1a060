"""Evaluate a checkpoint on every benchmark, with every scorer, in one pass.

A dataset that was finished before is not run again, so the command can be
stopped and given again. Tables, curves and results.json are rewritten
after each dataset.
"""
import argparse
import copy
import gc
import logging
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path

from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS

from mmseg_anomaly.checks import integer_option
from mmseg_anomaly.datasets.benchmarks.catalog import (
    find_benchmarks,
    get_benchmark,
)
from mmseg_anomaly.engine import command_line
from mmseg_anomaly.engine.head_checkpoint import attached_head
from mmseg_anomaly.engine.image_versions import (
    add_version_arguments,
    choose_versions,
)
from mmseg_anomaly.engine.run_tool import (
    StatedError,
    ToolParser,
    run_tool,
    stated_errors,
)
from mmseg_anomaly.evaluation.pixels.pixel_counts import PROTOCOLS
from mmseg_anomaly.evaluation.threshold_file import read_threshold
from mmseg_anomaly.file_hash import sha256_of
from mmseg_anomaly.models.eomt.vit_settings import hand_out_vit
from mmseg_anomaly.models.interfaces import as_evidence_head
from mmseg_anomaly.models.scoring.scorer_configs import (
    fitting_scorers,
    formula,
    parse_scorer,
    scorer_name,
)
from mmseg_anomaly.reporting import (
    Report,
    find_finished,
    load_run,
    save_run,
    write_report,
)
from mmseg_anomaly.reporting.provenance import digest, head_facts, versions
from mmseg_anomaly.reporting.report import markdown_text, unique_titles
from mmseg_anomaly.reporting.runs import SUMMARY_NAME, discard_run
from mmseg_anomaly.safe_writing import check_outputs

# of the config's own test set, and given to those that take its place
PASSED_ON = ('skip_broken', 'allow_partial')


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = ToolParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', help='config of the model and its test '
                        'pipeline')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument(
        '--data-root', required=True, help='the folder of the datasets')
    parser.add_argument(
        '--datasets', nargs='+', metavar='NAME',
        help='default: all that are there')
    parser.add_argument(
        '--scorers', nargs='+', metavar='NAME[:SETTING=VALUE]',
        help='e.g. rba softmax_msp:temperature=2; default: all that fit the '
        'model')
    parser.add_argument('--work-dir', help='the dir to save results to')
    parser.add_argument(
        '--components', action='store_true',
        help='also match whole objects, as SegmentMeIfYouCan does')
    parser.add_argument(
        '--size-bins', nargs='+', type=integer_option(low=1), default=[],
        metavar='PIXELS', help='with --components: the recall of objects '
        'below, between and from these numbers of pixels')
    parser.add_argument(
        '--threshold', metavar='FILE',
        help='of choose_threshold.py, for the components; default: the best '
        'F1 of the pixels of each dataset')
    parser.add_argument(
        '--protocol', choices=PROTOCOLS, default='exact',
        help='how pixels are ranked; smiyc is what the official code prints '
        '(default: %(default)s)')
    parser.add_argument(
        '--per-image', action='store_true',
        help='also keep a row for each image in results.json')
    parser.add_argument(
        '--bootstrap', type=integer_option(low=0), default=0, metavar='N',
        help='confidence intervals from N samples of the images')
    parser.add_argument(
        '--save-heatmaps', metavar='DIR',
        help='the dir to save the maps to, as SegmentMeIfYouCan reads them')
    parser.add_argument(
        '--skip-broken', action='store_true',
        help='leave broken images out, and call the numbers of their '
        'dataset partial')
    parser.add_argument(
        '--allow-partial', action='store_true',
        help='also evaluate datasets that lack files, and call their numbers '
        'partial')
    add_version_arguments(parser)
    command_line.add_common_arguments(parser)
    return parser.parse_args(argv)


def choose_scorers(cfg: Config, names: list[str] | None) -> list[str | dict]:
    """Return entries of ``test_cfg.scorer``: those asked for, or all."""
    if names:
        return [parse_scorer(name) for name in names]
    # Built, because a part of it may offer evidence that its class does not.
    _, decode_head = hand_out_vit(
        cfg.model.get('vit'), cfg.model.backbone, cfg.model.decode_head)
    head = as_evidence_head(MODELS.build(decode_head))
    return fitting_scorers(head.is_mask_classifier, head.evidence_names)


def evaluators(args: argparse.Namespace, name: str,
               summary_path: Path) -> list[dict]:
    """Return the metrics of one dataset."""
    metrics = [dict(
        type='AnomalyMetric', protocol=args.protocol,
        per_image=args.per_image, summary_path=str(summary_path),
        bootstrap=dict(replicates=args.bootstrap) if args.bootstrap else None)]
    if args.components:
        metrics.append(dict(
            type='ComponentMetric', track=get_benchmark(name).track,
            threshold=args.threshold or 'best_f1', protocol=args.protocol,
            size_bins=args.size_bins))
    return metrics


def dataset_config(cfg: Config, name: str, found: dict,
                   args: argparse.Namespace) -> Config:
    """Return the config that tests the model on one dataset."""
    cfg = copy.deepcopy(cfg)
    folder = Path(cfg.work_dir, name)
    dataset = dict(found, pipeline=command_line.labelled_pipeline(cfg))
    for key in PASSED_ON:
        if getattr(args, key) or cfg.test_dataloader.dataset.get(key):
            dataset[key] = True
    cfg.test_dataloader = dict(
        batch_size=1,
        num_workers=cfg.test_dataloader.get('num_workers', 0),
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dataset)
    cfg.test_evaluator = evaluators(args, name, folder / SUMMARY_NAME)
    cfg.work_dir = str(folder)
    if args.save_heatmaps:
        command_line.enable_heatmaps(
            cfg, args.save_heatmaps, Path(args.config).stem)
    choose_versions(cfg, args.tta, args.scales)
    if cfg.get('visualizer') is not None:
        cfg.visualizer.name = name  # MMEngine keeps one instance of a name
    cfg.setdefault('default_hooks', {})
    cfg.default_hooks.logger = dict(  # the smallest set has ten images
        type='LoggerHook', interval=10, log_metric_by_epoch=False)
    return cfg


def settings_of(cfg: Config, checkpoint_sha256: str,
                threshold: str | None) -> dict:
    """Return what the numbers of a dataset depend on."""
    hooks = [hook for hook in cfg.get('custom_hooks', ())
             if hook['type'] == 'HeatmapHook']
    metrics = [{key: value for key, value in metric.items()
                if key != 'summary_path'} for metric in cfg.test_evaluator]
    return dict(
        checkpoint_sha256=checkpoint_sha256, **head_facts(cfg),
        scorers=[formula(scorer) for scorer in
                 cfg.model.get('module', cfg.model).test_cfg.scorer],
        model=digest(cfg.model.to_dict()),
        dataset=digest(cfg.test_dataloader.dataset.to_dict()),
        metrics=metrics,
        threshold_sha256=threshold and sha256_of(threshold),
        heatmaps=hooks, test_cfg=cfg.test_cfg.to_dict(),
        versions=versions())


def evaluate(cfg: Config, settings: dict) -> None:
    """Test the model on one dataset and keep what was found.

    Raises:
        StatedError: If the set cannot be evaluated, and others can.
    """
    folder = Path(cfg.work_dir)
    runner = command_line.build_runner(cfg)
    # The processes have met in here, so all know by now what is finished.
    if runner.rank == 0:
        discard_run(folder)
    with stated_errors():
        runner.test_loop  # noqa: B018, builds the set, on all processes alike
    # Of several processes one may fail, and the others would wait for it.
    with stated_errors() if runner.world_size == 1 else nullcontext():
        metrics = runner.test()
    if runner.rank > 0:
        return
    command_line.warn_of_rounding(metrics)
    meta = runner.test_dataloader.dataset.metainfo
    facts = {key: meta.get(key, '') for key in ('split', 'layout', 'partial')}
    save_run(folder, settings, metrics, facts)


def prepare(args: argparse.Namespace) -> Config:
    """Read the config and give its model the scorers.

    Raises:
        FileNotFoundError: If there is no such checkpoint.
        ValueError: If a threshold is given that was chosen for another
            checkpoint or pixel head, or that nothing would use.
    """
    if not Path(args.checkpoint).is_file():
        raise FileNotFoundError(
            f'there is no checkpoint {args.checkpoint}; give the path of a '
            'local file')
    if args.size_bins and not args.components:
        raise ValueError('--size-bins is about components: add --components')
    if args.threshold is not None and not args.components:
        raise ValueError('--threshold is what components are found above: '
                         'add --components')
    cfg = command_line.load_config(
        args, [f'test_dataloader.dataset.{key}' for key in PASSED_ON])
    if args.threshold is not None:
        read_threshold(args.threshold, args.checkpoint, attached_head(cfg))
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    if args.work_dir is None:
        cfg.work_dir = str(Path(cfg.work_dir) / 'benchmark')
    check_outputs(
        Path(cfg.work_dir).glob('results.*'),
        [args.config, args.checkpoint, args.threshold, attached_head(cfg)])
    cfg.load_from = args.checkpoint
    cfg.resume = False
    cfg.model.setdefault('test_cfg', {})
    cfg.model.test_cfg.scorer = choose_scorers(cfg, args.scorers)
    if args.amp:
        command_line.enable_amp_inference(cfg)
    return cfg


def start_report(cfg: Config, args: argparse.Namespace,
                 checkpoint_sha256: str, names: Iterable[str]) -> Report:
    """Return a report without results."""
    return Report(
        model=dict(
            config=args.config, checkpoint=Path(args.checkpoint).name,
            checkpoint_sha256=checkpoint_sha256, **head_facts(cfg),
            precision='mixed' if args.amp else 'float32',
            scales=' '.join(f'{scale:g}' for scale in args.scales),
            augmented=args.tta),
        versions=versions(), runs=[],
        formulas={scorer_name(scorer): formula(scorer)
                  for scorer in cfg.model.test_cfg.scorer},
        titles=unique_titles({name: get_benchmark(name).title
                              for name in names}))


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    cfg = prepare(args)
    work_dir = Path(cfg.work_dir)
    checkpoint_sha256 = sha256_of(args.checkpoint)
    found = find_benchmarks(args.data_root, args.datasets)
    configs = {name: dataset_config(cfg, name, dataset, args)
               for name, dataset in found.items()}
    settings = {name: settings_of(each, checkpoint_sha256, args.threshold)
                for name, each in configs.items()}
    finished = {name: find_finished(work_dir / name, settings[name])
                for name in configs}
    report = start_report(cfg, args, checkpoint_sha256, configs)
    for number, (name, each) in enumerate(configs.items(), 1):
        if finished[name] is None:
            print_log(f'dataset {number} of {len(configs)}: {name}', 'current')
            try:
                evaluate(each, settings[name])
            except StatedError as error:
                report.missing[name] = str(error)
                print_log(f'{name} is left out: {error}', 'current',
                          logging.ERROR)
            gc.collect()  # a runner is a cycle, and holds the whole model
        if command_line.is_first_process(args.launcher):
            if name not in report.missing:
                report.runs.append(finished[name] or load_run(work_dir / name))
            write_report(report, work_dir)
    if command_line.is_first_process(args.launcher):
        print_log(f'{work_dir / "results.md"}\n\n{markdown_text(report)}',
                  'current')
    report.refuse_missing(work_dir)


if __name__ == '__main__':
    run_tool(main)
