"""The results of an evaluation as tables for the log and as one JSON file.

::

    {"version": 1,
     "protocol": "slide 1024x1024 ...", "metric_protocol": "exact",
     "num_images": 100, "num_normal_images": 1,
     "num_pixels": 209715200, "num_positives": 391204,
     "bootstrap": {"replicates": 1000, "level": 0.95, "seed": 0},
     "scorers": {"rba": {
         "values": {"AuPRC": 1.5, "FPR95": 2.5, "AUROC": 3.5, "F1": 4.5},
         "bounds": {"AuPRC": 0.0, ...},
         "F1_threshold": -0.25, "merged_bits": 0,
         "intervals": {"AuPRC": [1.25, 1.75], "FPR95": ..., "AUROC": ...},
         "curves": {"thresholds": [...], "recall": [...],
                    "precision": [...], "fpr": [...]},
         "images": [{"image": "a.png", "pixels": 2097152,
                     "positives": 3911, "AuPRC": 1.5, "FPR95": 2.5}]}}}

Pixels with a score > a threshold are flagged. ``values``, ``bounds`` and
``intervals`` are in percent, ``curves`` in [0, 1] with falling thresholds.
The ROC curve is ``fpr`` against ``recall``, without its point (0, 0).
``num_pixels`` counts valid pixels. Scorers come in the order of the
evaluation, an unnamed one as 'unnamed'. ``bootstrap``, ``intervals`` and
``images`` are null unless asked for. Rows of images are exact in every
protocol. Undefined values are ``NaN``, infinite thresholds ``Infinity`` or
``-Infinity``, the tokens that Python's ``json`` reads and writes.
"""
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from prettytable import PrettyTable

from .objects import ComponentMetrics
from .pixels.pixel_counts import ScorerReport
from .pixels.ranking import METRIC_NAMES


@dataclass(frozen=True)
class SetSummary:
    """What was measured of a set of images.

    Attributes:
        protocol: How the model made the maps, in its own words.
        metric_protocol: 'exact', 'smiyc' or 'smiyc_float16', see
            ``AnomalyMetric``.
        num_images: Images.
        num_normal_images: Images without an anomaly.
        bootstrap: ``replicates``, ``level`` and ``seed``, or None.
    """

    protocol: str
    metric_protocol: str
    num_images: int
    num_normal_images: int
    bootstrap: dict | None


def write_summary(path: str | Path, summary: SetSummary,
                  reports: Sequence[tuple[str, ScorerReport]]) -> None:
    """Write the JSON object that the module describes.

    Args:
        path: Where to write; the folder is made.
        summary: What was measured of the set.
        reports: For each scorer its name ('' for an unnamed one) and what
            was measured; may be empty.
    """
    counted = reports[0][1].ranking if reports else None
    content = {
        'version': 1,
        **asdict(summary),
        'num_pixels':
        counted.num_positives + counted.num_negatives if counted else 0,
        'num_positives': counted.num_positives if counted else 0,
        'scorers': {
            name or 'unnamed': _report_content(report)
            for name, report in reports
        }
    }
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + '\n')


def _report_content(report: ScorerReport) -> dict:
    ranking = report.ranking
    return {
        'values': ranking.values,
        'bounds': ranking.bounds,
        'F1_threshold': ranking.threshold,
        'merged_bits': ranking.level,
        'intervals': report.intervals,
        'curves': {
            name: values.tolist()
            for name, values in vars(report.curves).items()
        },
        'images': report.images
    }


def ranking_table(reports: Sequence[tuple[str, ScorerReport]]) -> str:
    """Return one row for each scorer: values, intervals, error bounds."""
    table = PrettyTable(['scorer', *METRIC_NAMES, 'F1 at score >',
                         'proved error <=', 'merged bits'])
    for scorer, report in reports:
        ranking = report.ranking
        table.add_row([
            scorer or 'unnamed',
            *(_with_interval(value, (report.intervals or {}).get(name))
              for name, value in ranking.values.items()),
            repr(ranking.threshold),
            ' / '.join(f'{b:.2g}' for b in ranking.bounds.values()),
            ranking.level
        ])
    return str(table)


def _with_interval(value: float, ends: tuple[float, float] | None) -> str:
    limits = '' if ends is None else f' [{ends[0]:.2f}, {ends[1]:.2f}]'
    return f'{value:.2f}{limits}'


def component_table(
        results: Sequence[tuple[str, float, ComponentMetrics]]) -> str:
    """Return one row for each scorer, its threshold and its metrics."""
    table = PrettyTable(['scorer', 'sIoU', 'PPV', 'F1', 'F1@25', 'F1@50',
                         'F1@75', 'true', 'predicted', 'score >'])
    for scorer, threshold, metrics in results:
        ratios = (metrics.siou, metrics.ppv, metrics.f1, metrics.f1_at[0],
                  metrics.f1_at[5], metrics.f1_at[10])
        table.add_row([
            scorer or 'unnamed', *(f'{100 * ratio:.2f}' for ratio in ratios),
            metrics.num_truth, metrics.num_predicted, repr(threshold)
        ])
    return str(table)


def recall_table(results: Sequence[tuple[str, float, ComponentMetrics]],
                 names: Sequence[str]) -> str:
    """Return one row for each scorer: recall of each bin and its size."""
    counts = results[0][2].num_by_size
    table = PrettyTable(['scorer', *(
        f'{name} ({count})'
        for name, count in zip(names, counts, strict=True))])
    for scorer, _, metrics in results:
        table.add_row([scorer or 'unnamed', *(
            f'{100 * recall:.2f}' for recall in metrics.recall_by_size)])
    return str(table)
