from pathlib import Path

from mmseg_anomaly.models.decode_heads import PixelAnomalyHead
from mmseg_anomaly.models.scoring.evidence import CLOSENESS
from mmseg_anomaly.models.scoring.scorer_configs import (
    fitting_scorers,
    formula,
)

DOCS = Path(__file__).resolve().parents[2] / 'docs' / 'benchmarking.md'


def test_docs__state_every_formula():
    text = DOCS.read_text()
    names = fitting_scorers(
        True, [*PixelAnomalyHead.evidence_names, CLOSENESS])
    assert len(names) == 10
    for name in names:
        if name != 'pixel_head':
            rule = formula(name).removesuffix(', T = 1')
            assert f'| `{name}` | `{rule}`' in text
    assert '| `pixel_head` |' in text
