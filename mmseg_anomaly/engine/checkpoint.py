"""Safe reading wherever MMEngine loads, and a strict comparison of keys."""
import copy
import hashlib
import logging
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import torch
from mmengine.dist import barrier, is_distributed
from mmengine.logging import print_log
from mmengine.runner import CheckpointLoader
from torch import Tensor, nn

from ..class_names import num_classes_of, numbered_classes, read_meta
from ..safe_loading import MapLocation, load_from_local, metadata_of
from .checkpoint_mismatch import mismatch_cause


# In place of MMEngine's loader of the same name.
@CheckpointLoader.register_scheme('', force=True)
def load_from_file(filename: str,
                   map_location: MapLocation = None) -> dict[str, Any]:
    """Read a local checkpoint whose weights are about to be copied.

    They stay in the file until MMEngine copies them into a model, which
    saves time and memory. Anything else, such as the state of an optimiser,
    which may live on, is read. Arguments are those of
    :func:`load_from_local`; the result is that of :func:`with_class_names`.
    """
    checkpoint = with_class_names(
        load_from_local(filename, map_location, mmap=True), filename)
    if not isinstance(checkpoint, dict) or 'state_dict' not in checkpoint:
        return checkpoint
    return {key: value if key == 'state_dict' else copy.deepcopy(value)
            for key, value in checkpoint.items()}


def with_class_names(checkpoint: Any, filename: str) -> Any:
    """Put the names of the classes where MMSeg's functions read them.

    Args:
        checkpoint: What :func:`load_from_local` returned; not changed.
        filename: The file it is from.

    Returns:
        A segmentor's as ``state_dict`` and ``meta`` with ``dataset_meta``:
        names and colours that the file holds, or numbers: MMSeg would guess
        a data set by their number, or take Cityscapes. Others, and those of
        MMSeg 0.x, as they are.

    Raises:
        ValueError: If the file holds something else in their place.
    """
    if not isinstance(checkpoint, dict):
        return checkpoint
    state_dict = checkpoint.get('state_dict', checkpoint)
    num_classes = num_classes_of(state_dict)
    meta = checkpoint.get('meta')
    meta = dict(meta) if isinstance(meta, Mapping) else {}
    if 'CLASSES' in meta:
        return checkpoint
    stored = meta.get('dataset_meta')
    if str(filename).endswith('.safetensors'):
        stored = metadata_of(filename)
    names = read_meta(stored, f'`{filename}`')
    if names and stored is meta.get('dataset_meta') and len(
            stored.get('palette') or ()) == len(names['classes']):
        names = stored  # complete: resuming compares it with the data set's
    if names is None and num_classes is None:
        return checkpoint
    meta['dataset_meta'] = names or numbered_classes(num_classes)
    whole = checkpoint if 'state_dict' in checkpoint else {}
    return {**whole, 'state_dict': state_dict, 'meta': meta}


@CheckpointLoader.register_scheme(prefixes=('http://', 'https://'), force=True)
def load_from_http(filename: str,
                   map_location: MapLocation = None) -> dict[str, Any]:
    """Download a checkpoint once a machine, then read it as a local one."""
    path = _cached_path(filename)
    # Every launcher leaves LOCAL_RANK; a file appears only when complete.
    is_first = not is_distributed() or os.getenv('LOCAL_RANK', '0') == '0'
    if is_first and not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(filename, str(path))
    barrier()
    return with_class_names(load_from_local(path, map_location), str(path))


def _cached_path(url: str) -> Path:
    """Where a download is kept; files of one name have different addresses."""
    name = Path(urlsplit(url).path)
    digest = hashlib.sha256(url.encode()).hexdigest()[:16]
    folder = Path(torch.hub.get_dir()) / 'checkpoints'
    return folder / f'{name.stem}-{digest}{name.suffix}'


# MMEngine's own loaders of these unpickle whatever they find.
@CheckpointLoader.register_scheme(
    prefixes=('modelzoo://', 'torchvision://', 'open-mmlab://',
              'openmmlab://', 'mmcls://', 'pavi://', r'(\S+\:)?s3://',
              r'(\S+\:)?petrel://'), force=True)
def refuse_scheme(filename: str, map_location: MapLocation = None) -> None:
    """Refuse an address that MMEngine would resolve by its own lists.

    Raises:
        ValueError: Always; names the address and what to give instead.
    """
    raise ValueError(
        f'`{filename}` was refused: checkpoints are read from a path or from '
        'an https:// address only; download the file, or give its address')


def load_state_dict_strictly(model: nn.Module,
                             state_dict: Mapping[str, Tensor],
                             allow_missing: Iterable[str] = ()) -> None:
    """Load a state dict whose keys and shapes must be those of the model.

    Args:
        model: Receives the values; its own load hooks may rename keys first.
        state_dict: Values by name.
        allow_missing: Regular expressions, matched from the start of a key,
            so that a prefix will do. The keys they match may be missing,
            unexpected or of another shape. One that matches no key of the
            file or the model is logged.

    Raises:
        RuntimeError: If other keys differ; names all of them.
    """
    differences = _differences(model, state_dict)
    _warn_of_unused(allow_missing, {*state_dict, *model.state_dict()})
    problems = {
        kind: [key for key in keys
               if not any(re.match(pattern, key) for pattern in allow_missing)]
        for kind, keys in differences.items()
    }
    found = [f'{kind}: {", ".join(keys)}'
             for kind, keys in problems.items() if keys]
    if found:
        raise RuntimeError(
            'The checkpoint does not fit the model'
            f'{mismatch_cause(state_dict, model.state_dict())}; '
            f'{"; ".join(found)}. Use the config it was trained with, or '
            'list these keys, or their prefix, in `allow_missing` of the '
            'config.')
    _report(differences, len(state_dict))


def _warn_of_unused(patterns: Iterable[str], keys: Iterable[str]) -> None:
    unused = [pattern for pattern in patterns
              if not any(re.match(pattern, key) for key in keys)]
    if unused:
        print_log(
            f'`allow_missing` lists {", ".join(map(repr, unused))}, which '
            'matches no key of the checkpoint or the model: correct it, or '
            'remove it', 'current', logging.WARNING)


def _report(differences: Mapping[str, list[str]], num_tensors: int) -> None:
    """Log what was loaded, and what was allowed to differ."""
    allowed = '; '.join(f'allowed although {kind}: {", ".join(keys)}'
                        for kind, keys in differences.items() if keys)
    unused = sum(len(keys) for kind, keys in differences.items()
                 if kind != 'missing in the file')
    print_log(
        f'Loaded {num_tensors - unused} of {num_tensors} tensors of a '
        'checkpoint; ' +
        (allowed or 'none is missing, unexpected or of another shape'),
        logger='current')


def _differences(model: nn.Module,
                 state_dict: Mapping[str, Tensor]) -> dict[str, list[str]]:
    recorded = {}

    def record(_: nn.Module, incompatible: Any) -> None:
        recorded['missing in the file'] = list(incompatible.missing_keys)
        recorded['not in the model'] = list(incompatible.unexpected_keys)

    handle = model.register_load_state_dict_post_hook(record)
    try:
        model.load_state_dict(state_dict, strict=False)
    except RuntimeError as error:
        recorded['of another shape'] = _mis_shaped(error)
    finally:
        handle.remove()
    return recorded


def _mis_shaped(error: RuntimeError) -> list[str]:
    """Keys, with both shapes, that torch names in its own error."""
    pattern = (r'size mismatch for (\S+): copying a param with shape '
               r'torch.Size\((.*?)\) from checkpoint, the shape in current '
               r'model is torch.Size\((.*?)\)')
    found = re.findall(pattern, str(error))
    if not found:
        raise error
    return [f'{key} (file {theirs}, model {ours})'
            for key, theirs, ours in found]
