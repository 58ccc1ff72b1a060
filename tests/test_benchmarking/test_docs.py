from pathlib import Path

from mmseg_anomaly.models.scoring.scorer_choice import FORMULAS

DOCS = Path(__file__).resolve().parents[2] / 'docs' / 'benchmarking.md'


def test_docs__state_every_formula():
    text = DOCS.read_text()
    for name, formula in FORMULAS.items():
        if name != 'pixel_head':
            assert f'| `{name}` | `{formula}`' in text
    assert '| `pixel_head` |' in text
