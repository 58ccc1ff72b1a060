"""Safe reading of a checkpoint file.

A checkpoint is a pickle, and a pickle may run anything. Only tensors, plain
containers and the few types that MMEngine's own checkpoints hold are read
(`weights_only=True`), whatever the version of torch.
"""
import codecs
import os
import pickle
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from numpy._core import multiarray
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from .finite import check_finite_weights

MapLocation = str | torch.device | Callable | Mapping | None

STATISTICS = ('min', 'max', 'current', 'mean')
ARRAY_DTYPES = ('bool', 'uint8', 'int32', 'int64', 'float16', 'float32',
                'float64')

ZIP = b'PK\x03\x04'
SAFETENSORS = b'\0\0{'  # after a length of 8 bytes, of which 6 are plenty
PICKLES = tuple(b'\x80' + bytes([protocol]) for protocol in range(2, 6))

_CHUNK_BYTES = 1 << 20

# What the readers raise for a file that is something else.
MALFORMED = (AttributeError, EOFError, LookupError, OSError, RuntimeError,
             TypeError, ValueError, SafetensorError)


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


def load_from_local(filename: str | os.PathLike,
                    map_location: MapLocation = None,
                    mmap: bool = False,
                    verify: bool = True) -> dict[str, Any]:
    """Read a local checkpoint without running code from it.

    Args:
        filename: A file of `torch.save`, or a `.safetensors` file.
        map_location: Where its tensors go, as in `torch.load`.
        mmap: Leave the values in the file until they are used. Only for
            tensors that are copied before anything may overwrite the file.
        verify: Compare checksums and look at weights. With False and
            ``mmap`` no value is read.

    Returns:
        The checkpoint as it was saved.

    Raises:
        FileNotFoundError: If there is no such file.
        pickle.UnpicklingError: If it holds anything but data.
        ValueError: If it cannot be read, because it is cut off for example,
            its bytes are not those that were written, or a weight is NaN or
            infinite. Files of torch before 1.6 and ``.safetensors`` have no
            checksums.
    """
    path = Path(filename).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f'There is no checkpoint `{path}`: correct the path, or train '
            'the model that is to write it first.')
    start = _first_bytes(path)
    if verify and start.startswith(ZIP):
        _check_sums(path)
    checkpoint = _read(path, start, map_location, mmap)
    weights = _unwrapped(checkpoint)
    if verify and isinstance(weights, Mapping):
        check_finite_weights(weights, f'`{path}`')
    return checkpoint


def _read(path: Path, start: bytes, map_location: MapLocation,
          mmap: bool) -> Any:
    with torch.serialization.safe_globals(SAFE_GLOBALS):
        try:
            if path.suffix != '.safetensors':
                return torch.load(
                    path, map_location=map_location, weights_only=True,
                    mmap=mmap and start.startswith(ZIP))
            tensors = load_file(path)
        except pickle.UnpicklingError as error:
            raise pickle.UnpicklingError(_refusal(path, error)) from None
        except MALFORMED as error:
            raise ValueError(
                f'`{path}` could not be read as a checkpoint, perhaps it is '
                f'cut off ({_first_line(error)}); get or write it '
                'again.') from error
    return _move(tensors, map_location)


def _check_sums(path: Path) -> None:
    """Compare the parts of a zip file with their CRC-32; torch does not.

    Raises:
        ValueError: If one differs.
    """
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile:
        return  # cut off, as the reader will say
    with archive:
        for part in archive.infolist():
            # torch.serialization.set_crc32_options(False) leaves 0
            if part.CRC and not _is_whole(archive, part):
                raise ValueError(
                    f'`{path}` is damaged: its part {part.filename} differs '
                    'from the checksum; get or write it again')


def _is_whole(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> bool:
    try:
        with archive.open(part) as file:
            while file.read(_CHUNK_BYTES):
                pass
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError):
        return False
    return True


def metadata_of(path: str | os.PathLike) -> dict[str, str]:
    """What a ``.safetensors`` file says about its tensors.

    Args:
        path: A file that :func:`load_from_local` can read.
    """
    with safe_open(path, framework='pt') as file:
        return file.metadata() or {}


def tensors_of(checkpoint: Any, name: str) -> dict[str, Tensor]:
    """The tensors in a checkpoint, however they are wrapped.

    Args:
        checkpoint: What :func:`load_from_local` returned: tensors by name,
            or a dict that holds them as ``state_dict``, ``model`` or
            ``teacher`` among other things, such as an optimiser's state.
        name: What to call it in an error.

    Raises:
        ValueError: If there is something else.
    """
    checkpoint = _unwrapped(checkpoint)
    if not isinstance(checkpoint, Mapping):
        raise ValueError(f'{name} holds a {type(checkpoint).__name__} '
                         'instead of tensors by name; give the state dict '
                         'of a model')
    wrong = [key for key, value in checkpoint.items()
             if not isinstance(key, str) or not isinstance(value, Tensor)]
    if wrong:
        raise ValueError(f'{name} holds entries that are no tensors: '
                         f'{", ".join(map(str, wrong[:5]))}')
    return checkpoint


def _unwrapped(checkpoint: Any) -> Any:
    for key in ('state_dict', 'model', 'teacher'):
        if isinstance(checkpoint, Mapping):
            checkpoint = checkpoint.get(key, checkpoint)
    return checkpoint


def _first_bytes(path: Path) -> bytes:
    """The start of a file that may be a checkpoint.

    Raises:
        ValueError: If the file is empty, a text, or misnamed.
    """
    with path.open('rb') as file:
        start = file.read(40)
    fault = _fault_of(start, path.suffix == '.safetensors')
    if fault:
        raise ValueError(
            f'`{path}` could not be read as a checkpoint: {fault}.')
    return start


def _fault_of(start: bytes, is_safetensors: bool) -> str:
    """What is wrong by the first bytes of a file, '' if nothing is."""
    if not start:
        return 'it is empty; get or write it again'
    is_pickle = start.startswith((ZIP, *PICKLES))
    if is_pickle and is_safetensors:
        return 'it is a file of `torch.save`; rename it to .pth'
    if start[6:9] == SAFETENSORS and not is_safetensors:
        return 'it is in safetensors format; rename it to .safetensors'
    text = '' if is_pickle else _as_text(start)
    if text:
        return (f'it begins with the text {text!r}; perhaps a page or a '
                'pointer was saved in place of the file itself')
    if not is_pickle and not is_safetensors:
        return 'it is no file of `torch.save`; get or write it again'
    return ''


def _as_text(start: bytes) -> str:
    """The text that a file begins with, '' if it is none in UTF-8."""
    if b'\0' in start:  # as in the length that starts safetensors
        return ''
    try:
        # the last letter may be cut
        return codecs.getincrementaldecoder('utf-8')().decode(start)
    except UnicodeDecodeError:
        return ''


def _refusal(path: Path, error: pickle.UnpicklingError) -> str:
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except ValueError:  # the format of torch before 1.6
        names = re.findall(r'GLOBAL (\S+) (?:was|whose)', str(error))
    if not names:
        reason = _first_line(error)
        if reason.startswith('Unsupported operand'):
            reason = f'it is no file of `torch.save` ({reason})'
        return f'`{path}` was refused: {reason}'
    return (f'`{path}` was refused because it would import '
            f'{", ".join(sorted(names))}; a checkpoint should contain only '
            'data. If you trust it, allow these by '
            '`torch.serialization.add_safe_globals` and load it again.')


def _first_line(error: Exception) -> str:
    # torch puts advice to switch the safety off in front of its reason.
    reason = str(error).rpartition('WeightsUnpickler error:')[2]
    lines = [line.strip() for line in reason.splitlines() if line.strip()]
    lines = [line for line in lines if 'Weights only load' not in line]
    # one sentence of several
    return re.split(r'(?<=\w)\. ', lines[0])[0] if lines else (
        type(error).__name__)


def _move(tensors: dict[str, Tensor],
          map_location: MapLocation) -> dict[str, Tensor]:
    if map_location is None:
        return tensors
    if not isinstance(map_location, str | torch.device):
        raise ValueError(
            '`map_location` of a .safetensors file must be a device, got '
            f'{map_location!r}.')
    return {key: value.to(map_location) for key, value in tensors.items()}
