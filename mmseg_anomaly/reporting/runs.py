"""Store and reload the results of one dataset."""
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.logging import print_log

from ..text_files import check_keys, parse_json
from .provenance import write_json

RUN_NAME = 'run.json'
SUMMARY_NAME = 'summary.json'
_SET_KEYS = dict(num_images=int, num_normal_images=int, num_pixels=int,
                 num_positives=int, protocol=str, metric_protocol=str,
                 bootstrap=dict | None)
_SCORER_KEYS = dict(values=dict, curves=dict, intervals=dict | None)
_REMEDY = 'delete the folder to evaluate the dataset again'


@dataclass(frozen=True)
class FinishedRun:
    """One dataset, evaluated.

    Attributes:
        name: Key of the dataset.
        settings: What the numbers depend on: checkpoint, config, dataset.
        metrics: What the evaluators returned, in percent.
        summary: What ``AnomalyMetric`` wrote to its ``summary_path``.
        facts: ``split`` and ``layout`` of the dataset, and ``partial``: why
            the numbers are not those of the whole set, '' if they are.
    """

    name: str
    settings: dict[str, Any]
    metrics: dict[str, float]
    summary: dict[str, Any]
    facts: dict[str, Any]


def save_run(folder: Path, settings: Mapping[str, Any],
             metrics: Mapping[str, float], facts: Mapping[str, Any]) -> None:
    """Declare the run in a folder finished; its summary is there already."""
    write_json(folder / RUN_NAME, dict(
        settings=dict(settings), facts=dict(facts),
        metrics={key: float(value) for key, value in metrics.items()}))


def load_run(folder: Path) -> FinishedRun | None:
    """Return the finished run of a folder named like its dataset.

    Returns:
        The run, None if it was not finished.

    Raises:
        ValueError: If its files cannot be read.
    """
    if not all((folder / name).is_file() for name in (RUN_NAME,
                                                      SUMMARY_NAME)):
        return None
    run = _read(folder, RUN_NAME, dict(settings=dict, metrics=dict,
                                       facts=dict))
    where = f'the results in {folder} cannot be read since {RUN_NAME}'
    check_keys(run['facts'], f'{where}, `facts`,', dict(partial=str),
               remedy=_REMEDY)
    for key, value in run['metrics'].items():
        if type(value) not in (int, float):  # nan is one
            raise ValueError(f'{where} must have `metrics.{key}` as a '
                             f'number, got {value!r}; {_REMEDY}')
    return FinishedRun(folder.name, run['settings'], run['metrics'],
                       _read_summary(folder), run['facts'])


def _read_summary(folder: Path) -> dict[str, Any]:
    summary = _read(folder, SUMMARY_NAME, dict(scorers=dict))
    where = f'the results in {folder} cannot be read since {SUMMARY_NAME}'
    for scorer, found in summary['scorers'].items():
        check_keys(summary['scorers'], f'{where}, `scorers`,', {scorer: dict},
                   remedy=_REMEDY)
        check_keys(summary, where, _SET_KEYS, remedy=_REMEDY)
        check_keys(found, f'{where}, `scorers.{scorer}`,', _SCORER_KEYS,
                   remedy=_REMEDY)
    return summary


def _read(folder: Path, name: str, keys: dict[str, type]) -> dict[str, Any]:
    return parse_json(
        (folder / name).read_bytes(),
        f'the results in {folder} cannot be read since {name}', dict, keys,
        remedy=_REMEDY)


def discard_run(folder: Path) -> None:
    """Forget that a run was finished, before its files are replaced."""
    (folder / RUN_NAME).unlink(missing_ok=True)


def changed_settings(run: FinishedRun,
                     settings: Mapping[str, Any]) -> list[str]:
    """Say in which settings a finished run differs from a planned one."""
    wanted = json.loads(json.dumps(dict(settings)))
    return [
        f'{key}: {run.settings.get(key)} -> {wanted.get(key)}'
        for key in sorted({*run.settings, *wanted})
        if run.settings.get(key) != wanted.get(key)
    ]


def find_finished(folder: Path,
                  settings: Mapping[str, Any]) -> FinishedRun | None:
    """Return the run of a dataset if it need not be run again.

    Args:
        folder: Named like the dataset.
        settings: What its numbers would depend on now.

    Raises:
        ValueError: If its files cannot be read.
    """
    run = load_run(folder)
    changes = [] if run is None else changed_settings(run, settings)
    if changes:
        print_log(f'{folder.name} is run again, for this changed: '
                  f'{"; ".join(changes)}', 'current', logging.WARNING)
    elif run is not None:
        partial = run.facts['partial']
        print_log(f'{folder.name} was finished before and is not run again' +
                  (f'; it is partial, {partial}: delete {folder} to run it '
                   'again' if partial else ''), 'current')
    return None if changes else run
