"""Precision-recall and ROC curves as pictures."""
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .escaping import one_line

FORMATS = ('png', 'svg')
_SIZE_INCH = (5.6, 4.6)
# Okabe and Ito's colours, which colour-blind readers can distinguish.
_COLORS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9',
           '#000000', '#999999', '#8B6C42')
_STYLES = ('-', '--', ':')

Scorers = Mapping[str, dict]


def write_curves(folder: Path, title: str, summary: Mapping) -> list[Path]:
    """Draw both curves of a dataset.

    Args:
        folder: Gets ``pr_curve`` and ``roc_curve``, each as PNG and SVG.
        title: Written above.
        summary: From ``AnomalyMetric``; scorers without points are left out.

    Returns:
        The files; none if no scorer has points.
    """
    scorers = {name: report for name, report in summary['scorers'].items()
               if report['curves']['recall']}
    if not scorers:
        return []
    num_positives = summary['num_positives']
    chance = num_positives / summary['num_pixels']
    figures = {
        'pr_curve': precision_recall_figure(title, scorers, chance),
        'roc_curve': roc_figure(title, scorers)
    }
    return [path for name, figure in figures.items()
            for path in _save(figure, folder / name)]


def precision_recall_figure(title: str, scorers: Scorers,
                            chance: float) -> Figure:
    """Draw precision over recall.

    Args:
        title: Written above.
        scorers: Name -> a report of ``write_summary``.
        chance: Precision of a score that knows nothing, drawn as a line.
    """
    figure, axes = _empty(title, 'recall', 'precision')
    for style, (name, report) in zip(_line_styles(len(scorers)),
                                     scorers.items(), strict=True):
        curves, value = report['curves'], report['values']['AuPRC']
        # a step at each threshold, as the sum of the AuPRC has it
        axes.step([0, *curves['recall']],
                  [curves['precision'][0], *curves['precision']],
                  where='pre', label=_plain(f'{name}, {value:.1f}'), **style)
    axes.axhline(chance, color='0.4', lw=0.8, ls=':', label='chance')
    axes.legend(title='AuPRC in %', fontsize=8)
    return figure


def roc_figure(title: str, scorers: Scorers) -> Figure:
    """Draw the true over the false positive rate, and recall 0.95."""
    figure, axes = _empty(title, 'false positive rate', 'true positive rate')
    for style, (name, report) in zip(_line_styles(len(scorers)),
                                     scorers.items(), strict=True):
        curves, value = report['curves'], report['values']['FPR95']
        axes.plot([0, *curves['fpr']], [0, *curves['recall']],
                  label=_plain(f'{name}, {value:.1f}'), **style)
    axes.axhline(0.95, color='0.6', lw=0.8)
    axes.legend(title='FPR95 in %', fontsize=8, loc='lower right')
    return figure


def _line_styles(count: int) -> Sequence[dict]:
    return [
        dict(color=_COLORS[i % len(_COLORS)], lw=1.4,
             ls=_STYLES[i // len(_COLORS) % len(_STYLES)])
        for i in range(count)
    ]


def _empty(title: str, x_label: str, y_label: str) -> tuple[Figure, Axes]:
    # Without pyplot: no window, no state that others would see.
    figure = Figure(figsize=_SIZE_INCH, layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.set(title=_plain(title), xlabel=x_label, ylabel=y_label, xlim=(0, 1),
             ylim=(0, 1.01))
    axes.grid(color='0.9')
    return figure, axes


def _plain(text: str) -> str:
    """Return one line that matplotlib does not take for a formula."""
    return one_line(text).replace('$', r'\$')


def _save(figure: Figure, stem: Path) -> list[Path]:
    stem.parent.mkdir(parents=True, exist_ok=True)
    paths = [stem.with_suffix(f'.{suffix}') for suffix in FORMATS]
    # No date and no random ids: equal results give equal files.
    with matplotlib.rc_context({'svg.hashsalt': stem.name}):
        for path in paths:
            metadata = {'Date': None} if path.suffix == '.svg' else None
            figure.savefig(path, dpi=150, metadata=metadata)
    return paths
