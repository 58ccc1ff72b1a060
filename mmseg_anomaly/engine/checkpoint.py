"""Safe reading wherever MMEngine loads, and a strict comparison of keys."""
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import barrier, get_dist_info
from mmengine.runner import CheckpointLoader
from torch import Tensor, nn

from ..safe_loading import MapLocation, load_from_local

# In place of MMEngine's loader of the same name.
CheckpointLoader.register_scheme('', load_from_local, force=True)


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
