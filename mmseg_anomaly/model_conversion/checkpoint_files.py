"""Checkpoints on disk: files, folders of Hugging Face, and safe writing."""
import base64
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_bytes
from safetensors.torch import save as save_bytes
from safetensors.torch import save_file

from ..class_names import ClassMeta, class_meta, pack_meta, read_meta
from ..safe_loading import load_from_local, metadata_of, tensors_of
from ..text_files import check_keys, parse_json, read_json
from .eomt_weights import StateDict

CARRIED = 'carried_tensors'
WEIGHTS = 'model.safetensors'
INDEX = 'model.safetensors.index.json'
OLD_WEIGHTS = 'pytorch_model.bin'


def read_checkpoint(path: str | Path) -> tuple[StateDict, dict[str, Any]]:
    """Read tensors and what is written about them.

    Args:
        path: A file (``.bin``, ``.ckpt``, ``.pth``, ``.safetensors``), or a
            folder of Hugging Face with one file or several. The tensors may
            stay in the file: do not change it while they are used.

    Returns:
        Tensors by name, and a dict that may hold ``config`` (Hugging Face's,
        a dict), ``classes`` (a list of names), ``palette`` (their colours)
        and ``extras`` (tensors that another layout had next to the model).

    Raises:
        FileNotFoundError: If there is no such file, or the folder lacks one.
        pickle.UnpicklingError: If it holds anything but data.
        ValueError: If it cannot be read, or holds something else.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        return _read_folder(path)
    checkpoint = load_from_local(path, map_location='cpu', mmap=True)
    about = {}
    if path.suffix == '.safetensors':
        about = _unpack(metadata_of(path), path)
    elif isinstance(checkpoint, Mapping):
        meta = checkpoint.get('meta', {})
        meta = meta if isinstance(meta, Mapping) else {}
        about = {**_unpack(meta, path),
                 **_listed(read_meta(meta.get('dataset_meta'), f'`{path}`'))}
    return dict(tensors_of(checkpoint, f'`{path}`')), about


def _read_folder(path: Path) -> tuple[StateDict, dict[str, Any]]:
    names = _files_of(path)
    weights, about = {}, {}
    for name in names:
        file = path / name
        if not file.is_file():
            raise FileNotFoundError(f'{path} lacks {name}, which its '
                                    f'{INDEX} names: download it again')
        shard = tensors_of(load_from_local(file, map_location='cpu',
                                           mmap=True), f'`{file}`')
        if twice := sorted(weights.keys() & shard.keys()):
            raise ValueError(f'{file} holds {twice[0]}, which another file '
                             f'of {path} holds, too: download them again')
        weights.update(shard)
        if file.suffix == '.safetensors':
            about.update(_unpack(metadata_of(file), file))
    if (path / 'config.json').is_file():
        config = read_json(path / 'config.json',
                           optional=dict(id2label=dict[str, str]))
        about['config'] = config
        labels = config.get('id2label', {})
        if wrong := [key for key in labels if not key.isdecimal()]:
            raise ValueError(f'{path / "config.json"} numbers a class '
                             f'{wrong[0]!r} in `id2label`; get or write it '
                             'again')
        about['classes'] = [
            labels[key] for key in sorted(labels, key=int)]
    return weights, about


def _files_of(path: Path) -> Iterable[str]:
    # in the order of Hugging Face: a single file goes before shards
    if (path / WEIGHTS).is_file():
        return [WEIGHTS]
    if (path / INDEX).is_file():
        shards = read_json(
            path / INDEX,
            optional=dict(weight_map=dict[str, str])).get('weight_map')
        if not shards:
            raise ValueError(f'{path / INDEX} names no files (`weight_map`): '
                             'get or write it again')
        wrong = [name for name in shards.values() if Path(name).name != name]
        if wrong:
            raise ValueError(f'{path / INDEX} names {wrong[0]!r}, which is '
                             f'no file in {path}: get or write it again')
        return sorted(set(shards.values()))
    if (path / OLD_WEIGHTS).is_file():
        return [OLD_WEIGHTS]
    raise FileNotFoundError(f'{path} has neither {WEIGHTS} nor {INDEX} nor '
                            f'{OLD_WEIGHTS}: it is no model of Hugging Face')


def checkpoint_files(path: str | Path) -> list[Path]:
    """Return the files that :func:`read_checkpoint` reads.

    Raises:
        FileNotFoundError: If a folder lacks what it should hold.
    """
    path = Path(path).expanduser()
    if not path.is_dir():
        return [path]
    return [path / name for name in (*_files_of(path), INDEX, 'config.json')]


def write_checkpoint(path: str | Path, weights: StateDict, *,
                     extras: StateDict | None = None,
                     classes: Sequence[str] | None = None,
                     palette: Sequence[Sequence[int]] | None = None,
                     plain: bool = False) -> None:
    """Write tensors; a file of that name is replaced only by a whole one.

    Args:
        path: Ends with ``.safetensors`` (preferred: reading it can run no
            code), ``.pth`` or ``.bin``.
        weights: Tensors by name.
        extras: Tensors for the way back, see :class:`EoMTWeights`.
        classes: Names of classes.
        palette: Their colours; hues far apart where it ends.
        plain: Write tensors alone where a pickle could hold more.

    Raises:
        ValueError: If the name ends otherwise.
    """
    path = Path(path).expanduser()
    names = None if classes is None else class_meta(classes, palette)
    about = _pack(extras or {})
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f'.{path.name}.part')
    if path.suffix == '.safetensors':
        save_file({k: v.contiguous() for k, v in weights.items()}, part,
                  metadata={'format': 'pt', **about, **pack_meta(names)})
    elif path.suffix in ('.pth', '.bin', '.pt'):
        # clones: a view would be written with all it is a view of
        weights = {k: v.clone() for k, v in weights.items()}
        if not plain:
            meta = {**about, 'dataset_meta': names} if names else about
            weights = dict(state_dict=weights, meta=meta)
        torch.save(weights, part)
    else:
        raise ValueError(f'a checkpoint must end with .safetensors, .pth or '
                         f'.bin, got {path.name}')
    part.replace(path)


def _pack(extras: StateDict) -> dict[str, str]:
    """Safetensors keeps only strings next to its tensors."""
    if not extras:
        return {}
    data = save_bytes({k: v.contiguous() for k, v in extras.items()})
    return {CARRIED: base64.b64encode(data).decode()}


def _unpack(about: Mapping[str, Any], path: Path) -> dict[str, Any]:
    check_keys(about, path, {}, optional={
        CARRIED: str, 'classes': str, 'palette': str})
    unpacked = {}
    if CARRIED in about:
        try:
            unpacked['extras'] = load_bytes(base64.b64decode(about[CARRIED]))
        except (ValueError, SafetensorError) as error:
            raise ValueError(f'`{CARRIED}` of {path} cannot be read ({error})'
                             '; get or write it again') from error
    if 'classes' in about:
        parse_json(about['classes'].encode(), f'`classes` of {path}',
                   list[str])
    return {**unpacked, **_listed(read_meta(about, f'`{path}`'))}


def _listed(names: ClassMeta | None) -> dict[str, Any]:
    return {**names, 'classes': list(names['classes'])} if names else {}
