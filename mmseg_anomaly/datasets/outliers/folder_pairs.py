"""Find out which image and which mask of two folders belong together."""
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from mmengine.logging import print_log

from ..pairs import IMAGE_SUFFIXES, PICTURE_SUFFIXES
from .image_files import ImageFiles

_ALPHA_SUFFIXES = ('.png', '.webp')  # formats that hold alpha


def pair_files(images: ImageFiles, masks: ImageFiles | None,
               img_suffix: str | None,
               mask_suffix: str | None) -> tuple[list[str], list[str]]:
    """List images with their masks; ``FolderOutliers`` explains suffixes.

    Images of another suffix and masks without an image are counted in a
    warning.

    Args:
        images: Files that may be images.
        masks: Files that may be masks; None if the images hold alpha.
        img_suffix: End of the names of images.
        mask_suffix: End of the names of masks.

    Returns:
        Names of images, sorted, and of the mask of each; no mask where
        ``masks`` is None.

    Raises:
        FileNotFoundError: If a mask is missing or a link leads nowhere.
        ValueError: If there is no image, or two images have one mask.
    """
    formats = _ALPHA_SUFFIXES if masks is None else IMAGE_SUFFIXES
    suffixes = formats if img_suffix is None else (img_suffix, )
    share_folder = masks is not None and masks.path == images.path
    found, others = _by_stem(
        images.names(), suffixes,
        mask_suffix if share_folder and mask_suffix else None)
    if not found:
        raise ValueError(
            f'{images.path} holds no '
            f'{", ".join(f"*{suffix}" for suffix in suffixes)}; correct '
            '`data_root` or `img_suffix`')
    names = sorted(name for group in found.values() for name in group)
    _check_exist(images, names, 'image')
    mask_of = {}
    if masks is not None:
        mask_of = _find_masks(images, masks, found, mask_suffix)
        others -= set(mask_of.values() if share_folder else ())
    _warn_of(others, f'images in {images.path} are left out, since they do '
             f'not end in {" or ".join(suffixes)}')
    return names, [mask_of[name] for name in names if mask_of]


def _find_masks(images: ImageFiles, masks: ImageFiles,
                found: dict[str, list[str]],
                mask_suffix: str | None) -> dict[str, str]:
    """Return the mask of each image; ``found`` are images by stem."""
    suffixes = IMAGE_SUFFIXES if mask_suffix is None else (mask_suffix, )
    candidates, _ = _by_stem(masks.names(), suffixes)
    if masks.path == images.path:
        own = {name for group in found.values() for name in group}
        candidates = {stem: [name for name in group if name not in own]
                      for stem, group in candidates.items()}
    mask_of = {}
    for stem, group in found.items():
        fitting = candidates.pop(stem, [])
        if not fitting:
            raise FileNotFoundError(
                f'there is no mask {masks.path / stem}{suffixes[0]} of '
                f'{group[0]}; complete the folder or correct `mask_suffix`')
        if len(group) > 1 or len(fitting) > 1:
            raise ValueError(
                f'{group} in {images.path} and {fitting} in {masks.path} '
                'must be one image and one mask; remove files, or state '
                '`img_suffix` and `mask_suffix`')
        mask_of[group[0]] = fitting[0]
    _check_exist(masks, list(mask_of.values()), 'mask')
    _warn_of({name for group in candidates.values() for name in group},
             f'masks in {masks.path} have no image')
    return mask_of


def _by_stem(names: Iterable[str], suffixes: Sequence[str],
             excluded: str | None = None
             ) -> tuple[dict[str, list[str]], set[str]]:
    """Return the files with a suffix by what precedes it, and other images.

    Args:
        names: Relative paths; hidden files count as none.
        suffixes: Upper and lower case alike.
        excluded: Suffix of files that are something else, even where a
            shorter one of ``suffixes`` fits.
    """
    found, others = {}, set()
    for name in names:
        lower = name.lower()
        suffix = next((suffix for suffix in suffixes
                       if lower.endswith(suffix.lower())), None)
        is_excluded = excluded is not None and lower.endswith(
            excluded.lower()) and len(excluded) > len(suffix or '')
        if Path(name).name.startswith('.') or is_excluded:
            continue
        if suffix is not None:
            found.setdefault(name[:-len(suffix)], []).append(name)
        elif lower.endswith(PICTURE_SUFFIXES):
            others.add(name)
    return found, others


def _check_exist(files: ImageFiles, names: list[str], kind: str) -> None:
    """Refuse a link to nowhere, which a folder lists like a file."""
    if (missing := files.first_missing(names)) is not None:
        raise FileNotFoundError(f'there is no {kind} {files.path / missing}, '
                                'only a link; complete the folder')


def _warn_of(names: set[str], problem: str) -> None:
    if names:
        print_log(f'{len(names)} {problem}, first {min(names)}',
                  logger='current', level=logging.WARNING)
