"""All results of a checkpoint: JSON, CSV, Markdown, LaTeX and pictures."""
import csv
import io
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .curves import write_curves
from .escaping import Markdown, code, markdown, one_line
from .provenance import VOID_POLICY, write_json
from .runs import FinishedRun
from .tables import Column, Table, markdown_table, to_latex, to_markdown

PIXEL_METRICS = (('AuPRC', True), ('FPR95', False))
# F1* as papers call it, to distinguish it from the F1 of pixels
COMPONENT_METRICS = {'sIoU': 'sIoU', 'PPV': 'PPV', 'F1*': 'F1'}
COMPONENT_PREFIX = 'component'


@dataclass(frozen=True)
class Report:
    """What tables say besides the numbers.

    Attributes:
        model: ``config``, ``checkpoint``, ``checkpoint_sha256`` and so on.
        versions: Library -> version.
        formulas: Scorer -> what it computes.
        titles: Dataset -> its name in tables.
        runs: One for each dataset, in the order of the tables.
        missing: Dataset -> why it could not be evaluated.
    """

    model: dict[str, str]
    versions: dict[str, str]
    formulas: dict[str, str]
    titles: dict[str, str]
    runs: Sequence[FinishedRun]
    missing: dict[str, str] = field(default_factory=dict)

    def refuse_missing(self, folder: Path) -> None:
        """Raise if a dataset is missing; the folder holds the others.

        Raises:
            ValueError: With the reason of each.
        """
        if self.missing:
            reasons = '; '.join(f'{name}: {reason}'
                                for name, reason in self.missing.items())
            raise ValueError(
                f'{len(self.missing)} of {len(self.titles)} datasets are '
                f'missing in {folder / "results.md"}: {reasons}')


def unique_titles(titles: Mapping[str, str]) -> dict[str, str]:
    """Add the names of datasets to titles that several have."""
    counts = Counter(one_line(title) for title in titles.values())
    return {name: title if counts[one_line(title)] == 1 else
            f'{title} ({name})' for name, title in titles.items()}


def write_report(report: Report, folder: str | Path) -> None:
    """Write ``results.{json,csv,md,tex}`` and the curves of each dataset.

    Args:
        report: What there is so far.
        folder: Curves go to the folder of their dataset below it.
    """
    folder = Path(folder)
    write_json(folder / 'results.json', json_content(report))
    for name, text in (('results.csv', csv_text(report)),
                       ('results.md', markdown_text(report)),
                       ('results.tex', latex_document(report))):
        # 'backslashreplace' for names of files that are not UTF-8
        (folder / name).write_text(text, 'utf-8', 'backslashreplace')
    for run in report.runs:
        write_curves(folder / run.name, _title(report, run), run.summary)


def main_table(report: Report) -> Table:
    """Return the table papers print."""
    columns, rows = [], [(scorer, []) for scorer in report.formulas]
    for run in report.runs:
        title = _title(report, run)
        columns += [Column(title, metric, larger_is_better)
                    for metric, larger_is_better in PIXEL_METRICS]
        if _has_components(run):
            columns += [Column(title, metric) for metric in COMPONENT_METRICS]
        for scorer, values in rows:
            measured = run.summary['scorers'].get(scorer, {'values': {}})
            values += [measured['values'].get(metric, math.nan)
                       for metric, _ in PIXEL_METRICS]
            values += _components(run, scorer).values()
    for name in report.missing:
        columns += [Column(f'{report.titles[name]} (missing)', *metric)
                    for metric in PIXEL_METRICS]
        for _, values in rows:
            values += [math.nan] * len(PIXEL_METRICS)
    return Table(columns, rows)


def _title(report: Report, run: FinishedRun) -> str:
    partial = ' (partial)' if run.facts['partial'] else ''
    return report.titles[run.name] + partial


def _has_components(run: FinishedRun) -> bool:
    return any(key.startswith(f'{COMPONENT_PREFIX}/') for key in run.metrics)


def _components(run: FinishedRun, scorer: str) -> dict[str, float]:
    if not _has_components(run):
        return {}
    return {
        title: run.metrics.get(f'{COMPONENT_PREFIX}/{scorer}/{metric}',
                               math.nan)
        for title, metric in COMPONENT_METRICS.items()
    }


def _recalls(run: FinishedRun, scorer: str) -> dict[str, float]:
    """Return the recall of each bin of sizes that was asked for."""
    prefix = f'{COMPONENT_PREFIX}/{scorer}/'
    return {key.removeprefix(prefix): value
            for key, value in run.metrics.items()
            if key.startswith(f'{prefix}recall_')}


def json_content(report: Report) -> dict[str, Any]:
    """Return everything but the curves, undefined numbers as None."""
    return _without_nan({
        'version': 1,
        'model': report.model,
        'versions': report.versions,
        'void': VOID_POLICY,
        'formulas': report.formulas,
        'datasets': {run.name: _dataset_content(report, run)
                     for run in report.runs},
        'missing': report.missing
    })


def _dataset_content(report: Report, run: FinishedRun) -> dict[str, Any]:
    summary = {key: value for key, value in run.summary.items()
               if key not in ('version', 'scorers')}
    scorers = {}
    for name, found in run.summary['scorers'].items():
        scorers[name] = {key: value for key, value in found.items()
                         if key != 'curves'}
        if _has_components(run):
            scorers[name]['components'] = (
                _components(run, name) | _recalls(run, name))
    return {'title': report.titles[run.name], **summary,
            'settings': run.settings, 'facts': run.facts, 'scorers': scorers}


def _without_nan(content: Any) -> Any:
    """Replace what other readers of JSON than Python's refuse."""
    if isinstance(content, dict):
        return {key: _without_nan(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_without_nan(value) for value in content]
    if isinstance(content, float) and not math.isfinite(content):
        return None if math.isnan(content) else str(content)
    return content


def csv_text(report: Report) -> str:
    """Return one line for each dataset and scorer, with its protocol."""
    lines = []
    for run in report.runs:
        for scorer, found in run.summary['scorers'].items():
            lines.append({
                'dataset': run.name, 'scorer': scorer, **found['values'],
                'F1_threshold': found['F1_threshold'],
                **_intervals(found), **_components(run, scorer),
                **_recalls(run, scorer),
                'formula': report.formulas.get(scorer, scorer),
                **_counts(run), **report.model,
                **{f'{name}_version': version
                   for name, version in report.versions.items()}
            })
    lines += [{'dataset': name, 'scorer': scorer, 'missing': reason}
              for name, reason in report.missing.items()
              for scorer in report.formulas]
    names = list(dict.fromkeys(key for line in lines for key in line))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator='\n', restval='')
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def _intervals(found: dict) -> dict[str, float]:
    return {
        f'{metric}_{end}': limit
        for metric, limits in (found['intervals'] or {}).items()
        for end, limit in zip(('low', 'high'), limits, strict=True)
    }


def _counts(run: FinishedRun) -> dict[str, Any]:
    summary = run.summary
    return {
        'images': summary['num_images'],
        'images_without_anomaly': summary['num_normal_images'],
        'pixels': summary['num_pixels'],
        'anomalous_pixels': summary['num_positives'],
        'windows': summary['protocol'],
        'metric_protocol': summary['metric_protocol'],
        'void': VOID_POLICY,
        **run.facts
    }


def markdown_text(report: Report) -> str:
    """Return the table, then what its numbers rest on."""
    counts = [{'dataset': _title(report, run), **_counts(run)}
              for run in report.runs]
    keys = [key for key in (counts or [{}])[0]
            if key not in ('void', 'partial')]
    parts = [
        to_markdown(main_table(report)),
        f'Percent. {markdown(_provenance(report))} Void: {VOID_POLICY}.\n',
        *([markdown_table(keys, [[row[key] for key in keys]
                                 for row in counts])] if counts else []),
        *_partial_sets(report),
        *(f'**{markdown(report.titles[name])} is missing**: '
          f'{markdown(reason)}.\n'
          for name, reason in report.missing.items()),
        markdown_table(('scorer', 'score, larger = more anomalous'),
                       [(code(name), code(formula))
                        for name, formula in report.formulas.items()]),
        *_interval_tables(report)
    ]
    return '\n'.join(parts)


def _provenance(report: Report) -> str:
    model = ', '.join(f'{key} {value}' for key, value in report.model.items())
    libraries = ', '.join(f'{name} {version}'
                          for name, version in report.versions.items())
    return f'{model}; {libraries}.'


def _partial_sets(report: Report) -> list[str]:
    return [
        f'**{markdown(report.titles[run.name])} is partial**, its numbers are '
        f'not those of the whole set: {markdown(run.facts["partial"])}.\n'
        for run in report.runs if run.facts['partial']
    ]


def _interval_tables(report: Report) -> list[str]:
    parts = []
    for run in report.runs:
        if not run.summary['bootstrap']:
            continue
        rows = [(code(name), *(
            Markdown(f'{found["values"][metric]:.2f} [{low:.2f}, {high:.2f}]')
            for metric, (low, high) in found['intervals'].items()))
            for name, found in run.summary['scorers'].items()]
        bootstrap = run.summary['bootstrap']
        parts.append(
            f'{markdown(_title(report, run))}: {bootstrap["level"]:.0%} '
            f'confidence intervals, {bootstrap["replicates"]} samples of '
            'its images.\n')
        metrics = next(iter(run.summary['scorers'].values()))['intervals']
        parts.append(markdown_table(('scorer', *metrics), rows))
    return parts


def latex_document(report: Report) -> str:
    """Return the table to input, its protocol as a comment above."""
    comments = [_provenance(report)]
    comments += [f'{_title(report, run)}: ' + ', '.join(
        f'{key} {value}' for key, value in _counts(run).items())
        for run in report.runs]
    comments += [f'{report.titles[name]} is missing: {reason}'
                 for name, reason in report.missing.items()]
    comments += [f'{name} = {formula}'
                 for name, formula in report.formulas.items()]
    return '\n'.join([*(f'% {one_line(comment)}' for comment in comments),
                      to_latex(main_table(report))])
