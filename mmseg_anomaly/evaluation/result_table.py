"""Tables for the log."""
from collections.abc import Sequence

from prettytable import PrettyTable

from .objects import ComponentMetrics
from .pixels.ranking import METRIC_NAMES
from .reports import ScorerReport


def ranking_table(reports: Sequence[tuple[str, ScorerReport]]) -> str:
    """Return one row for each scorer: values, intervals, error bounds."""
    table = PrettyTable(['scorer', *METRIC_NAMES, 'F1 at score',
                         'proved error <=', 'merged bits'])
    for scorer, report in reports:
        ranking = report.ranking
        table.add_row([
            scorer or 'unnamed',
            *(_with_interval(value, (report.intervals or {}).get(name))
              for name, value in ranking.values.items()),
            f'{ranking.threshold:.6g}',
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
            metrics.num_truth, metrics.num_predicted, f'{threshold:.6g}'
        ])
    return str(table)
