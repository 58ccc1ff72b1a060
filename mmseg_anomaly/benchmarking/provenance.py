"""Where a number comes from: versions, checkpoint, settings."""
import hashlib
import importlib
import json
import os
from pathlib import Path
from typing import Any

LIBRARIES = ('mmseg_anomaly', 'mmseg', 'mmengine', 'mmcv', 'torch')
VOID_POLICY = 'pixels labelled 255 enter no number'


def versions() -> dict[str, str]:
    """Return the versions of the libraries that computed a number."""
    return {name: importlib.import_module(name).__version__
            for name in LIBRARIES}


def digest(settings: Any) -> str:
    """Return a short hash of settings that JSON or `str` can express."""
    text = json.dumps(settings, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def write_json(path: str | Path, content: Any) -> None:
    """Write a file that is there as a whole or not at all."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f'{path.name}.{os.getpid()}.tmp')
    unfinished.write_text(json.dumps(content, indent=1) + '\n')
    unfinished.replace(path)
