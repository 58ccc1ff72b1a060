"""The score from which on a pixel is called an anomaly.

A pixel is flagged where its score exceeds the threshold, as the component
metrics of SegmentMeIfYouCan do it.
"""
import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .pixels.ranking_curves import threshold_scores
from .pixels.score_histogram import ScoreCounts

_HASH_CHUNK = 1 << 22
_KEY_OF_INFINITY = (1 << 32) - (1 << 23)


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold and what it does to the set it was chosen on.

    Attributes:
        threshold: Scores above it are flagged; a float32 number.
        fpr: Flagged share of the in-distribution pixels, NaN without any.
        tpr: Flagged share of the anomalous pixels, NaN without any.
        num_positives: Anomalous pixels.
        num_negatives: In-distribution pixels.
    """

    threshold: float
    fpr: float
    tpr: float
    num_positives: int
    num_negatives: int


def check_target(fpr: float | None, tpr: float | None) -> None:
    """Check that there is one target and that it is a rate.

    Raises:
        ValueError: If there is none, if there are two, or if it is out of
            range.
    """
    if (fpr is None) == (tpr is None):
        raise ValueError('give either `fpr` or `tpr`, got '
                         f'fpr={fpr} and tpr={tpr}')
    if fpr is not None and not 0 <= fpr <= 1:
        raise ValueError(f'`fpr` must lie in [0, 1], got {fpr}')
    if tpr is not None and not 0 < tpr <= 1:
        raise ValueError(f'`tpr` must lie in (0, 1], got {tpr}')


def choose_threshold(counts: ScoreCounts,
                     *,
                     fpr: float | None = None,
                     tpr: float | None = None) -> OperatingPoint:
    """Choose the threshold that keeps to a target and costs least.

    For a false positive rate it is the lowest threshold that does not exceed
    the target, for a true positive rate the highest that reaches it. It lies
    directly below the lowest score it flags, so cells of merged scores are
    flagged as a whole.

    Args:
        counts: Of every valid pixel; for ``fpr`` anomalies may be missing.
        fpr: Target in [0, 1].
        tpr: Target in (0, 1].

    Returns:
        The threshold and both rates as reached.

    Raises:
        ValueError: If not exactly one target is given, it is out of range,
            or the set has no pixel of the kind it speaks about.
    """
    check_target(fpr, tpr)
    # flagged when the lowest flagged key is keys[i]; the last flags nothing
    hits, alarms = (np.append(np.cumsum(pixels[::-1])[::-1], 0)
                    for pixels in (counts.positives, counts.negatives))
    if tpr is None:
        first = int(np.argmax(
            _rates(alarms, 'fpr', 'in-distribution pixel') <= fpr))
    else:
        first = int(np.flatnonzero(
            _rates(hits, 'tpr', 'anomaly') >= tpr)[-1])
    return OperatingPoint(
        _score_below(counts, first), _share(alarms, first),
        _share(hits, first), int(hits[0]), int(alarms[0]))


def _rates(flagged: np.ndarray, kind: str, pixel: str) -> np.ndarray:
    if flagged[0] == 0:
        raise ValueError(f'a target `{kind}` needs a set with at least one '
                         f'{pixel}; choose another set or target')
    return flagged / flagged[0]


def _share(flagged: np.ndarray, first: int) -> float:
    return float(flagged[first] / flagged[0]) if flagged[0] else math.nan


def _score_below(counts: ScoreCounts, first: int) -> float:
    """Return the largest score that is below the lowest flagged one."""
    if first < counts.keys.size:
        lowest = threshold_scores(counts.keys[first:first + 1])[0]
        return float(np.nextafter(lowest, np.float32(-np.inf)))
    # nothing is flagged; a cell has at most 2**level keys
    highest = int(counts.keys[-1]) + (1 << counts.level) - 1
    key = np.array([min(highest, _KEY_OF_INFINITY)], np.uint32)
    return float(threshold_scores(key)[0])


def sha256_of(path: str | Path) -> str:
    """Return the SHA-256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with Path(path).open('rb') as file:
        while chunk := file.read(_HASH_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def threshold_path(checkpoint: str | Path) -> Path:
    """Return where the threshold of a checkpoint is kept."""
    checkpoint = Path(checkpoint)
    return checkpoint.with_name(f'{checkpoint.stem}.threshold.json')


def read_threshold(path: str | Path,
                   checkpoint: str | Path | None = None,
                   head: str | Path | None = None) -> dict[str, Any]:
    """Read what ``choose_threshold.py`` wrote.

    Args:
        path: The JSON file.
        checkpoint: The file the scores come from, where it is known.
        head: File of the pixel head that is attached to that checkpoint.

    Returns:
        Its content, with ``threshold`` and ``scorer``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds no threshold or belongs to another
            checkpoint or pixel head.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f'there is no threshold file {path}; write one by '
            'tools/analysis_tools/choose_threshold.py, or give a number')
    content = json.loads(path.read_text())
    if not isinstance(content, dict) or not {
            'threshold', 'scorer', 'checkpoint_sha256'} <= set(content):
        raise ValueError(
            f'{path} is not a threshold file: expected the keys threshold, '
            'scorer and checkpoint_sha256; write it anew by '
            'tools/analysis_tools/choose_threshold.py')
    if checkpoint is not None:
        _check_file(path, 'checkpoint', content['checkpoint_sha256'],
                    checkpoint)
        _check_file(path, 'pixel head', content.get('head_sha256'), head)
    return content


def _check_file(threshold: Path, kind: str, expected: str | None,
                file: str | Path | None) -> None:
    found = None if file is None else sha256_of(file)
    if found != expected:
        wanted = 'none' if expected is None else f'SHA-256 {expected[:12]}'
        got = 'none' if found is None else f'{file} ({found[:12]})'
        raise ValueError(
            f'{threshold} was chosen for another {kind} ({wanted}), got '
            f'{got}; choose a threshold for this model by '
            'tools/analysis_tools/choose_threshold.py')
