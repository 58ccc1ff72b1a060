"""Store and reload the results of one dataset."""
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .provenance import write_json

RUN_NAME = 'run.json'
SUMMARY_NAME = 'summary.json'


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
    paths = folder / RUN_NAME, folder / SUMMARY_NAME
    if not all(path.is_file() for path in paths):
        return None
    try:
        run, summary = (json.loads(path.read_text()) for path in paths)
        return FinishedRun(folder.name, run['settings'], run['metrics'],
                           summary, run['facts'])
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f'the results in {folder} cannot be read '
                         f'({error}); delete the folder to evaluate the '
                         'dataset again') from error


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
