"""Tables as papers print them: a row for each scorer, columns by dataset."""
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from prettytable import PrettyTable, TableStyle

from .escaping import Markdown, code, latex_text, markdown

_DIGITS = 2
_UNDEFINED = '-'


@dataclass(frozen=True)
class Column:
    """What the numbers of a column are."""

    group: str
    """Dataset they belong to; neighbours of one group share a heading."""
    metric: str
    larger_is_better: bool = True

    @property
    def arrow(self) -> str:
        return '↑' if self.larger_is_better else '↓'


@dataclass(frozen=True)
class Table:
    """Numbers in percent."""

    columns: Sequence[Column]
    rows: Sequence[tuple[str, Sequence[float]]]
    """Label and a number for each column, NaN where undefined."""


def best_rows(table: Table) -> list[set[int]]:
    """Return for each column the rows whose printed number is the best."""
    best = []
    for index, column in enumerate(table.columns):
        printed = {
            row: round(values[index], _DIGITS)
            for row, (_, values) in enumerate(table.rows)
            if not math.isnan(values[index])
        }
        choose = max if column.larger_is_better else min
        top = choose(printed.values(), default=None)
        best.append({row for row, value in printed.items() if value == top})
    return best


def to_markdown(table: Table, row_title: str = 'scorer') -> str:
    """Format a table for Markdown, the best number of each column bold."""
    # names of metrics are ours: the star of F1* opens no emphasis
    titles = [
        Markdown(f'{markdown(column.group)} {column.metric} {column.arrow}')
        for column in table.columns
    ]
    rows = [[code(label), *map(Markdown, cells)]
            for label, cells in _marked_rows(table, '**{}**')]
    return markdown_table([row_title, *titles], rows, align='r')


def markdown_table(titles: Sequence[str], rows: Iterable[Sequence],
                   align: str = 'l') -> str:
    """Format cells for Markdown; those after the first column are aligned."""
    table = PrettyTable([markdown(title) for title in titles], align=align)
    table.set_style(TableStyle.MARKDOWN)
    table.align[table.field_names[0]] = 'l'
    table.add_rows([[markdown(cell) for cell in row] for row in rows])
    return table.get_string() + '\n'


def to_latex(table: Table, row_title: str = 'Scorer') -> str:
    r"""Format a table for LaTeX with booktabs, ``\usepackage{booktabs}``."""
    groups = [(name, len(list(columns))) for name, columns in groupby(
        table.columns, key=lambda column: column.group)]
    headings = [rf'\multicolumn{{{width}}}{{c}}{{{latex_text(name)}}}'
                for name, width in groups]
    rules, start = [], 2
    for _, width in groups:
        rules.append(rf'\cmidrule(lr){{{start}-{start + width - 1}}}')
        start += width
    metrics = [
        rf'{latex_text(column.metric)} '
        rf'$\{"uparrow" if column.larger_is_better else "downarrow"}$'
        for column in table.columns
    ]
    lines = [rf'\begin{{tabular}}{{l{"r" * len(table.columns)}}}',
             r'\toprule', _latex_row(['', *headings]), ' '.join(rules),
             _latex_row([row_title, *metrics]), r'\midrule']
    lines += [_latex_row([latex_text(label), *cells])
              for label, cells in _marked_rows(table, r'\textbf{{{}}}')]
    return '\n'.join([*lines, r'\bottomrule', r'\end{tabular}']) + '\n'


def _marked_rows(table: Table, bold: str) -> list[tuple[str, list[str]]]:
    best = best_rows(table)
    rows = []
    for row, (label, values) in enumerate(table.rows):
        cells = [_number(value) for value in values]
        rows.append((label, [bold.format(cell) if row in best[i] else cell
                             for i, cell in enumerate(cells)]))
    return rows


def _number(value: float) -> str:
    return _UNDEFINED if math.isnan(value) else f'{value:.{_DIGITS}f}'


def _latex_row(cells: Sequence[str]) -> str:
    return rf'{" & ".join(cells)} \\'
