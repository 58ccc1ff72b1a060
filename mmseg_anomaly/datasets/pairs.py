"""Match images and labels in both directions.

A file that finds no partner is a mistake of a copy or of a setting, and a set
that leaves it out gives other numbers. So each is named, and nothing is left
out without an argument that allows it.
"""
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mmseg.datasets import BaseSegDataset

IMAGE_SUFFIXES = ('.png', '.jpg', '.jpeg', '.webp')
PICTURE_SUFFIXES = (*IMAGE_SUFFIXES, '.bmp', '.gif', '.jp2', '.ppm', '.tif',
                    '.tiff')
"""Of pictures that somebody may take for a part of a set."""
_NAMED = 5


def why_no_file(path: str | Path) -> str:
    """Return what is in the place of a file, '' if it is one."""
    path = Path(path)
    if path.is_file():
        return ''
    if path.is_dir():
        return f'{path} is a folder'
    return f'{path} is ' + ('a link to nowhere' if path.is_symlink() else
                            'missing')


def name_some(problems: Sequence[str]) -> str:
    """Return the first problems in words, and how many there are more."""
    more = len(problems) - _NAMED
    return '; '.join(problems[:_NAMED]) + (
        f'; and {more} more' if more > 0 else '')


def unpaired_files(dataset: BaseSegDataset,
                   data_list: Sequence[dict]) -> list[str]:
    """Find files of a folder dataset that are no pair of image and label.

    Args:
        dataset: Its prefixes, suffixes and ``ann_file`` say where files
            are; on disk, or nothing is looked at.
        data_list: What it lists.

    Returns:
        For each such file what is wrong with it.
    """
    folder, labels = (dataset.data_prefix.get(key)
                      for key in ('img_path', 'seg_map_path'))
    if dataset.backend_args or not folder or '://' in folder:
        return []
    paths = [[info[key] for info in data_list if key in info]
             for key in ('img_path', 'seg_map_path')]
    problems = [why for path in (*paths[0], *paths[1])
                if (why := why_no_file(path))]
    if dataset.ann_file:  # a list says which files belong to the set
        return problems
    listed = {os.path.normpath(path) for part in paths for path in part}
    problems += [
        why_no_file(path) or f'{path} is an image of another format than '
        f'{dataset.img_suffix!r}'
        for path in _walk(folder, _any_format(dataset.img_suffix))
        if path not in listed and not _is_label(path, labels, dataset)]
    if labels:
        problems += [f'{path} is a label without an image'
                     for path in _walk(labels, (dataset.seg_map_suffix, ))
                     if path not in listed]
    return problems + _shared(data_list)


def _shared(data_list: Sequence[dict]) -> list[str]:
    images: dict[str, str] = {}
    return [
        f'{images[label]} and {info["img_path"]} share the label {label}'
        for info in data_list if (label := info.get('seg_map_path'))
        and images.setdefault(label, info['img_path']) != info['img_path']]


def _any_format(suffixes: str | Sequence[str]) -> tuple[str, ...]:
    """Return the suffixes of the same names in all formats."""
    suffixes = [suffixes] if isinstance(suffixes, str) else suffixes
    stems = {os.path.splitext(f'x{suffix}')[0][1:] for suffix in suffixes}  # noqa: PTH122
    return (*suffixes, *(stem + x for stem in stems for x in PICTURE_SUFFIXES))


def _is_label(path: str, labels: str | None, dataset: BaseSegDataset) -> bool:
    return bool(labels) and Path(path).is_relative_to(labels) and (
        path.endswith(dataset.seg_map_suffix))


def walk(folder: str | Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield what ``os.walk`` does, through links but never in a circle."""
    for parent, folders, files in os.walk(folder, followlinks=True):
        here = Path(parent).resolve()
        folders[:] = [name for name in folders
                      if not (path := here / name).is_symlink()
                      or not here.is_relative_to(path.resolve())]
        yield parent, folders, files


def _walk(folder: str, suffixes: Iterable[str]) -> Iterator[str]:
    """Yield files, folders and links below a folder by their suffix."""
    suffixes = tuple(suffix.lower() for suffix in suffixes)
    for parent, folders, files in walk(folder):
        for name in sorted((*folders, *files)):
            if name.lower().endswith(suffixes) and not name.startswith('.'):
                yield os.path.normpath(f'{parent}/{name}')
