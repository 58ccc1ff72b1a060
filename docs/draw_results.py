"""Draw docs/results.svg from the tables of docs/results.md."""
from pathlib import Path

import matplotlib

matplotlib.use('svg')
import matplotlib.pyplot as plt  # noqa: E402

DOCS = Path(__file__).parent
SETS = {
    'Test objects anywhere': 'anywhere, feathered',
    'The same objects in the same places': 'anywhere, Poisson',
    'The same recipes on objects of val2017': 'on the road, feathered'
}
RECIPES = {
    'closed-set, `_ft`': 'closed-set',
    'hard': 'objects pasted hard',
    'feather and colours': 'feathered, colours matched',
    'feather and colours + RbA: **`_oe`**': '… + RbA: _oe',
    'road, feather and colours + RbA': 'on the road … + RbA'
}


def auprc(text: str, heading: str) -> dict[str, float]:
    """Return recipe -> AuPRC of `rba` in the first table after a sentence."""
    start = text.index(heading)
    table = text[text.index('\n|', start):].strip().split('\n\n')[0]
    rows = [line.strip('|').split('|') for line in table.splitlines()[2:]]
    return {row[0].strip(): float(row[2].split('/')[0]) for row in rows}


def main() -> None:
    text = (DOCS / 'results.md').read_text()
    plt.rcParams['svg.hashsalt'] = 'results'  # equal bytes for equal tables
    figure, axes = plt.subplots(figsize=(8, 3.6), layout='constrained')
    width = 0.8 / len(SETS)
    for place, (heading, name) in enumerate(SETS.items()):
        values = auprc(text, heading)
        bars = axes.bar(
            [index + (place - 1) * width for index in range(len(RECIPES))],
            [values[recipe] for recipe in RECIPES], width, label=name)
        axes.bar_label(bars, fmt='%.1f', fontsize=7)
    axes.set_xticks(range(len(RECIPES)), RECIPES.values(), fontsize=8)
    axes.set_ylabel('AuPRC of rba, %')
    axes.set_ylim(0, 112)
    axes.legend(ncols=len(SETS), frameon=False, fontsize=8)
    axes.spines[['top', 'right']].set_visible(False)
    figure.savefig(DOCS / 'results.svg', metadata=dict(Date=None))


if __name__ == '__main__':
    main()
