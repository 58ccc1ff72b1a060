"""A trained pixel head as a small file, apart from the model it judges.

The head is worth nothing on another model than its own, so the file carries
a hash of that model and only goes together with it.
"""
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from ..safe_loading import load_from_local, metadata_of

HEAD = 'decode_head.'
SEMANTIC_HEAD = 'decode_head.semantic_head.'


def hash_tensors(state_dict: Mapping[str, Tensor]) -> str:
    """Hash names, types, shapes and values, in the order of the names.

    Returns:
        SHA-256 in hexadecimal digits.
    """
    digest = hashlib.sha256()
    for name in sorted(state_dict):
        value = state_dict[name].detach().cpu()
        digest.update(f'{name} {value.dtype} {tuple(value.shape)};'.encode())
        digest.update(value.flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def base_of(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The model that a pixel head judges, named as a plain EoMT.

    Args:
        state_dict: Values of a model with a pixel head, or a plain EoMT.
    """
    if not holds_head(state_dict):
        return dict(state_dict)
    return {
        name.replace(SEMANTIC_HEAD, HEAD, 1): value
        for name, value in state_dict.items() if not _is_of_head(name)
    }


def holds_head(state_dict: Mapping[str, Tensor]) -> bool:
    """Whether a state dict is of a model with a pixel head."""
    return any(name.startswith(SEMANTIC_HEAD) for name in state_dict)


def extract_head(state_dict: Mapping[str, Tensor],
                 base_name: str) -> dict[str, Any]:
    """Take the trained head alone.

    Args:
        state_dict: Values of a model with a pixel head.
        base_name: What a person calls the model it was trained on.

    Returns:
        A checkpoint of the head: ``state_dict``, and ``meta`` with
        ``base_name`` and ``base_sha256``, both strings.

    Raises:
        ValueError: If there is no pixel head.
    """
    if not holds_head(state_dict):
        raise ValueError(f'the checkpoint holds no {SEMANTIC_HEAD}*: it is '
                         'not of a model with a PixelAnomalyHead')
    return dict(
        state_dict={
            name: value.clone()
            for name, value in state_dict.items() if _is_of_head(name)
        },
        meta=dict(
            base_name=base_name,
            base_sha256=hash_tensors(base_of(state_dict))))


def write_head(path: str | Path, head: Mapping[str, Any]) -> None:
    """Write a head; what it belongs to goes into the file's metadata.

    Args:
        path: Ends with ``.safetensors``; see :func:`check_head_name`.
        head: What :func:`extract_head` returned.

    Raises:
        ValueError: If the name ends otherwise.
    """
    path = check_head_name(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {k: v.contiguous() for k, v in head['state_dict'].items()}
    save_file(tensors, path, metadata={'format': 'pt', **head['meta']})


def check_head_name(path: str | Path) -> Path:
    """Check the name of a file that a head is to be written to.

    Raises:
        ValueError: If it does not end with ``.safetensors``.
    """
    path = Path(path).expanduser()
    if path.suffix != '.safetensors':
        raise ValueError('the file of a pixel head must end with '
                         f'.safetensors, got `{path.name}`')
    return path


def read_head(path: str | Path) -> dict[str, Any]:
    """Read what :func:`write_head` wrote.

    Returns:
        What :func:`extract_head` returned.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds something else, or cannot be read.
    """
    path = Path(path).expanduser()
    state_dict, meta = load_from_local(path, map_location='cpu'), {}
    if path.suffix == '.safetensors':
        meta = metadata_of(path)
    if not {'base_name', 'base_sha256'} <= meta.keys():
        raise ValueError(f'`{path.name}` is no pixel head alone; '
                         'tools/misc/extract_head.py writes one, a '
                         '.safetensors file')
    return dict(state_dict=state_dict, meta={
        key: meta[key] for key in ('base_name', 'base_sha256')})


def attach_head(state_dict: Mapping[str, Tensor], head: Mapping[str, Any],
                names: tuple[str, str]) -> dict[str, Tensor]:
    """Put a head back onto the model it was trained on.

    Args:
        state_dict: Values of a plain EoMT.
        head: What :func:`read_head` returned.
        names: What to call the two in an error.

    Returns:
        The state dict of a model with a pixel head.

    Raises:
        ValueError: If the model has a head already, or is another one.
    """
    model_name, head_name = names
    meta = head['meta']
    if holds_head(state_dict):
        raise ValueError(f'`{model_name}` holds a pixel head already: load '
                         'it as it is, or attach to a plain EoMT')
    found = hash_tensors(state_dict)
    if found != meta['base_sha256']:
        raise ValueError(
            f'`{head_name}` was trained on `{meta["base_name"]}` (SHA-256 '
            f'{meta["base_sha256"][:12]}), not on `{model_name}` '
            f'({found[:12]}): load the former')
    renamed = {
        name.replace(HEAD, SEMANTIC_HEAD, 1): value
        for name, value in state_dict.items()
    }
    return {**renamed, **head['state_dict']}


def attached_head(cfg: Mapping[str, Any]) -> str | None:
    """Return the head file that the AttachHeadHook of a config reads."""
    heads = (hook.get('head') for hook in cfg.get('custom_hooks') or ()
             if hook['type'] == 'AttachHeadHook')
    return next(filter(None, heads), None)


def _is_of_head(name: str) -> bool:
    return name.startswith(HEAD) and not name.startswith(SEMANTIC_HEAD)
