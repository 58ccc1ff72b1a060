"""What an evaluation found, as one JSON file for tables and plots.

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

``values``, ``bounds`` and ``intervals`` are in percent, ``curves`` in
[0, 1] with falling thresholds and without the point (0, 0) of the ROC
curve; ``fpr`` against ``recall`` is that curve, as recall is the true
positive rate. ``num_pixels`` counts valid pixels. Scorers come in the
order of the evaluation, an unnamed one as 'unnamed'. ``bootstrap``,
``intervals`` and ``images`` are null unless asked for. Rows of images are
exact in every protocol. Undefined values are ``NaN``, infinite thresholds
``Infinity`` or ``-Infinity``, the tokens that Python's ``json`` reads and
writes.
"""
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from .pixels.ranking import RankingMetrics
from .pixels.ranking_curves import RankingCurves


@dataclass(frozen=True)
class ScorerReport:
    """What was measured of one scorer.

    Attributes:
        ranking: The metrics over all pixels.
        curves: Points of the precision-recall and the ROC curve.
        intervals: Lower and upper confidence limits of AuPRC, FPR95 and
            AUROC in percent; None without a bootstrap.
        images: For each image in the order of their names the keys
            ``image``, ``pixels``, ``positives``, ``AuPRC`` and ``FPR95``;
            None unless asked for.
    """

    ranking: RankingMetrics
    curves: RankingCurves
    intervals: dict[str, tuple[float, float]] | None = None
    images: list[dict] | None = None


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
        path: Of the file; its folder is made.
        summary: Of the set.
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
