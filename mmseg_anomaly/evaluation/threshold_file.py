"""The threshold file that is kept next to a checkpoint."""
from pathlib import Path
from typing import Any

import numpy as np

from ..checks import check_number
from ..file_hash import sha256_of
from ..text_files import parse_json

RULE = 'score > threshold'


def threshold_path(checkpoint: str | Path) -> Path:
    """Return where the threshold of a checkpoint is kept."""
    checkpoint = Path(checkpoint)
    return checkpoint.with_name(f'{checkpoint.stem}.threshold.json')


def check_threshold(threshold: object, *, optional: bool = False,
                    of: object = None) -> None:
    """Refuse what is neither a number, infinity included, nor a file.

    Raises:
        TypeError: If it is neither.
        ValueError: If it is NaN.
    """
    if not isinstance(threshold, str | Path):
        check_number('threshold', threshold, finite=False, optional=optional,
                     of=of)


def read_threshold(path: str | Path,
                   checkpoint: str | Path | None = None,
                   head: str | Path | None = None) -> dict[str, Any]:
    """Read what ``choose_threshold.py`` wrote.

    Args:
        path: The JSON file.
        checkpoint: The file the scores come from, where it is known.
        head: File of the pixel head that is attached to that checkpoint.

    Returns:
        Its content, with ``threshold`` and ``scorer``. Pixels with a score
        > ``threshold`` are flagged, also if the file was written for >=.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds no threshold, states an unknown rule, or
            belongs to another checkpoint or pixel head.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f'there is no threshold file {path}; write one by '
            'tools/analysis_tools/choose_threshold.py, or give a number')
    content = parse_json(
        path.read_bytes(), f'{path} is not a threshold file: it', dict,
        dict(threshold=float, scorer=str, checkpoint_sha256=str),
        optional=dict(rule=str, head_sha256=str | None),
        remedy='write it again by tools/analysis_tools/choose_threshold.py')
    content['threshold'] = _by_rule(path, content)
    if checkpoint is not None:
        _check_file(path, 'checkpoint', content['checkpoint_sha256'],
                    checkpoint)
        _check_file(path, 'pixel head', content.get('head_sha256'), head)
    return content


def _by_rule(path: Path, content: dict[str, Any]) -> float:
    """Return the threshold that a score must exceed to be flagged."""
    rule, threshold = content.get('rule', RULE), content['threshold']
    if rule == RULE:
        return threshold
    if rule == 'score >= threshold':
        return float(np.nextafter(np.float32(threshold), np.float32(-np.inf)))
    raise ValueError(f'{path} states the rule {rule!r}, which is unknown: '
                     f'expected {RULE!r}; write it again by '
                     'tools/analysis_tools/choose_threshold.py')


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
