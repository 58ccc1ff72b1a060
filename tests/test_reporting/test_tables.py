import math
import re

from mmseg_anomaly.reporting.tables import (
    Column,
    Table,
    best_rows,
    latex_text,
    to_latex,
    to_markdown,
)

TABLE = Table(
    [Column('Road', 'AuPRC'), Column('Road', 'FPR95', False),
     Column('Lost & Found', 'AuPRC')],
    [('rba', [70.126, 5.0, math.nan]), ('soft_max', [70.134, 5.0, math.nan]),
     ('msp', [9.5, 80.25, math.nan])])


def test_best_rows__compare_what_is_printed():
    # 70.126 and 70.134 are both printed 70.13
    assert best_rows(TABLE) == [{0, 1}, {0, 1}, set()]


def test_best_rows__larger_or_smaller_is_better():
    table = Table([Column('a', 'AuPRC'), Column('a', 'FPR95', False)],
                  [('x', [1, 1]), ('y', [2, 2])])
    assert best_rows(table) == [{1}, {0}]


def test_to_markdown():
    titles, rule, *rows = [' '.join(line.split())
                           for line in to_markdown(TABLE).splitlines()]
    assert titles == (
        '| scorer | Road AuPRC ↑ | Road FPR95 ↓ | Lost & Found AuPRC ↑ |')
    assert re.fullmatch(r'\| :-+\|(-+: \|){3}', rule)
    assert rows == [
        '| `rba` | **70.13** | **5.00** | - |',
        '| `soft_max` | **70.13** | **5.00** | - |',
        '| `msp` | 9.50 | 80.25 | - |',
    ]


def test_to_markdown__a_bar_ends_no_cell():
    table = Table([Column('a|b', 'AuPRC')], [('x|y', [1])])
    assert to_markdown(table).count('|') == 3 * 3


def test_to_latex():
    assert to_latex(TABLE).splitlines() == [
        r'\begin{tabular}{lrrr}',
        r'\toprule',
        r' & \multicolumn{2}{c}{Road} & \multicolumn{1}{c}{Lost \& Found} \\',
        r'\cmidrule(lr){2-3} \cmidrule(lr){4-4}',
        r'Scorer & AuPRC $\uparrow$ & FPR95 $\downarrow$ & AuPRC $\uparrow$'
        r' \\',
        r'\midrule',
        r'rba & \textbf{70.13} & \textbf{5.00} & - \\',
        r'soft\_max & \textbf{70.13} & \textbf{5.00} & - \\',
        r'msp & 9.50 & 80.25 & - \\',
        r'\bottomrule',
        r'\end{tabular}',
    ]


def test_latex_text__escapes_what_latex_reads():
    assert latex_text('a_b&c%d#e$f{g}') == r'a\_b\&c\%d\#e\$f\{g\}'
    assert latex_text('~^\\') == (
        r'\textasciitilde{}\textasciicircum{}\textbackslash{}')
