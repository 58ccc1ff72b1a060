"""Safe reading of checkpoints, and a strict comparison with the model.

A checkpoint is a pickle, and a pickle may run anything. Only tensors, plain
containers and the few types that MMEngine's own checkpoints hold are read
(`weights_only=True`), whatever the version of torch.
"""
import os
import pickle
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dist import barrier, get_dist_info
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader
from numpy._core import multiarray
from safetensors.torch import load_file
from torch import Tensor, nn

MapLocation = str | torch.device | Callable | Mapping | None

STATISTICS = ('min', 'max', 'current', 'mean')
ARRAY_DTYPES = ('bool', 'uint8', 'int32', 'int64', 'float16', 'float32',
                'float64')


def get_statistic(owner: type, name: str) -> Callable:
    """What a checkpoint gets instead of `getattr`: HistoryBuffer's methods.

    Raises:
        pickle.UnpicklingError: If anything else is asked for.
    """
    if owner is not HistoryBuffer or name not in STATISTICS:
        raise pickle.UnpicklingError(
            f'A checkpoint may only use the attributes {STATISTICS} of '
            f'HistoryBuffer, got {name!r} of {owner!r}.')
    return getattr(HistoryBuffer, name)


# numpy 2 renamed the module of the two functions; older files keep the name.
SAFE_GLOBALS = [
    HistoryBuffer,
    (get_statistic, 'builtins.getattr'),
    np.ndarray,
    np.dtype,
    *(type(np.dtype(name)) for name in ARRAY_DTYPES),
    *((function, f'numpy.{core}.multiarray.{function.__name__}')
      for function in (multiarray._reconstruct, multiarray.scalar)
      for core in ('core', '_core')),
]


@CheckpointLoader.register_scheme(prefixes='', force=True)
def load_from_local(filename: str | os.PathLike,
                    map_location: MapLocation = None) -> dict[str, Any]:
    """Read a local checkpoint without running code from it.

    Takes the place of MMEngine's loader of the same name wherever MMEngine
    or MMSeg load a file.

    Args:
        filename: A file of `torch.save`, or a `.safetensors` file.
        map_location: Where its tensors go, as in `torch.load`.

    Returns:
        The checkpoint as it was saved.

    Raises:
        FileNotFoundError: If there is no such file.
        pickle.UnpicklingError: If it holds anything but data.
        ValueError: If it cannot be read, because it is cut off for example.
    """
    path = Path(filename).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f'There is no checkpoint `{path}`: correct the path, or train '
            'the model that is to write it first.')
    if path.suffix == '.safetensors':
        return _move(load_file(path), map_location)
    with torch.serialization.safe_globals(SAFE_GLOBALS):
        try:
            return torch.load(
                path, map_location=map_location, weights_only=True)
        except pickle.UnpicklingError as error:
            raise pickle.UnpicklingError(_refusal(path, error)) from None
        except (EOFError, RuntimeError) as error:
            raise ValueError(
                f'`{path}` could not be read as a checkpoint, perhaps it is '
                f'cut off: {_first_line(error)}') from error


@CheckpointLoader.register_scheme(prefixes=('http://', 'https://'), force=True)
def load_from_http(filename: str,
                   map_location: MapLocation = None) -> dict[str, Any]:
    """Download a checkpoint once, then read it as a local one.

    Args:
        filename: Address of the file.
        map_location: Where its tensors go, as in `torch.load`.

    Returns:
        The checkpoint as it was saved.
    """
    folder = Path(torch.hub.get_dir()) / 'checkpoints'
    path = folder / Path(filename.partition('?')[0]).name
    if get_dist_info()[0] == 0 and not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(filename, str(path))
    barrier()
    return load_from_local(path, map_location)


def load_state_dict_strictly(model: nn.Module,
                             state_dict: Mapping[str, Tensor],
                             allow_missing: Iterable[str] = ()) -> None:
    """Load a state dict whose keys and shapes must be those of the model.

    Args:
        model: Receives the values; its own load hooks may rename keys first.
        state_dict: Values by name.
        allow_missing: Regular expressions, matched from the start of a key,
            so that a prefix will do. The keys they match may be missing,
            unexpected or of another shape.

    Raises:
        RuntimeError: If other keys differ; names all of them.
    """
    problems = _differences(model, state_dict)
    problems = {
        kind: [key for key in keys
               if not any(re.match(pattern, key) for pattern in allow_missing)]
        for kind, keys in problems.items()
    }
    found = [f'{kind}: {", ".join(keys)}'
             for kind, keys in problems.items() if keys]
    if found:
        raise RuntimeError(
            'The checkpoint does not fit the model; '
            f'{"; ".join(found)}. Use the config it was trained with, or '
            'list these keys, or their prefix, in `allow_missing` of the '
            'config.')


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


def _refusal(path: Path, error: pickle.UnpicklingError) -> str:
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except ValueError:  # the format of torch before 1.6
        names = re.findall(r'GLOBAL (\S+) (?:was|whose)', str(error))
    if not names:
        return f'`{path}` was refused: {_first_line(error)}'
    return (f'`{path}` was refused, for it asks to import '
            f'{", ".join(sorted(names))}, and a checkpoint needs data only. '
            'If you trust it, allow these by '
            '`torch.serialization.add_safe_globals` and load it again.')


def _first_line(error: Exception) -> str:
    # torch puts advice to switch the safety off in front of its reason.
    reason = str(error).rpartition('WeightsUnpickler error:')[2]
    lines = [line.strip() for line in reason.splitlines() if line.strip()]
    lines = [line for line in lines if 'Weights only load' not in line]
    return lines[0] if lines else type(error).__name__


def _move(tensors: dict[str, Tensor],
          map_location: MapLocation) -> dict[str, Tensor]:
    if map_location is None:
        return tensors
    if not isinstance(map_location, str | torch.device):
        raise ValueError(
            '`map_location` of a .safetensors file must be a device, got '
            f'{map_location!r}.')
    return {key: value.to(map_location) for key, value in tensors.items()}
