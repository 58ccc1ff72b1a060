"""Where a number comes from: versions, checkpoint, settings."""
import hashlib
import importlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..engine.head_checkpoint import attached_head
from ..file_hash import sha256_of

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


def head_facts(cfg: Mapping[str, Any]) -> dict[str, str]:
    """Return ``head_sha256`` of a pixel head that a config attaches.

    The checkpoint does not hold the head. Without one the dict is empty.
    """
    head = attached_head(cfg)
    return {} if head is None else dict(head_sha256=sha256_of(head))


def write_json(path: str | Path, content: Any) -> None:
    """Write a file that is there as a whole or not at all."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f'{path.name}.{os.getpid()}.tmp')
    unfinished.write_text(json.dumps(content, indent=1) + '\n')
    unfinished.replace(path)
