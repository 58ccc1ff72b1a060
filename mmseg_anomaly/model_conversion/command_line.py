"""The command line that the converters share."""
import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.logging import print_log

from ..checks import integer_option, regex_option
from ..class_names import (
    ClassMeta,
    class_colors,
    class_meta,
    meta_of_dataset,
)
from ..text_files import read_json
from .checkpoint_files import checkpoint_files
from .classes import change_classes, check_names, match_classes
from .eomt_weights import EoMTWeights
from .resampling import change_sizes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options for what may change on the way."""
    parser.add_argument(
        '--img-size', type=integer_option(low=1), nargs=2, metavar=('H', 'W'),
        help='resample the positions for images of this size')
    parser.add_argument(
        '--source-img-size', type=integer_option(low=1), nargs=2,
        metavar=('H', 'W'),
        help='size that the positions of SRC are for, if it is no square')
    parser.add_argument(
        '--patch-size', type=integer_option(low=1),
        help='resample the patch embedding for patches of this side')
    parser.add_argument(
        '--classes', help='new classes: names with commas, each continues '
        'the class of that name; or a JSON file with a list of names, or '
        'with {new name: old name or index, null to start afresh}')
    parser.add_argument(
        '--source-classes', help='names of the classes of SRC, if it does '
        'not hold them: with commas, a JSON file with a list, or a data set '
        'such as CityscapesDataset')
    parser.add_argument(
        '--ignore', nargs='+', type=regex_option, default=[], metavar='REGEX',
        help='names that may be missing or left over in SRC')


def files_read(args: argparse.Namespace) -> list[Path]:
    """Return the files that a conversion reads.

    Args:
        args: Parsed options, ``src`` among them.
    """
    options = vars(args)
    names = [options.get(name) for name in ('classes', 'source_classes')]
    backbone = options.get('backbone')
    return [*checkpoint_files(args.src),
            *(checkpoint_files(backbone) if backbone else ()),
            *(Path(name) for name in names
              if name and name.endswith('.json'))]


def adapt(weights: EoMTWeights, args: argparse.Namespace,
          about: dict[str, Any]) -> tuple[EoMTWeights, ClassMeta]:
    """Change sizes and classes as the command line asks.

    Args:
        weights: What was read.
        args: Parsed options of :func:`add_arguments`.
        about: What :func:`read_checkpoint` found next to the tensors.

    Returns:
        The EoMT, and the names and colours of its classes, nothing if they
        are unknown.
    """
    weights = change_sizes(
        weights, img_size=args.img_size, patch_size=args.patch_size,
        source_img_size=args.source_img_size)
    known = class_meta(about.get('classes', ()), about.get('palette'))
    if args.source_classes is not None:
        known = _source_classes(args.source_classes, about.get('palette'))
    classes, palette = list(known['classes']), known['palette']
    check_names(classes, weights.num_classes)
    if args.classes is None:
        return weights, known if classes else {}
    sources = match_classes(_read_names(args.classes), classes,
                            weights.num_classes)
    fresh = class_colors(len(sources), None)
    colors = [palette[row] if row is not None and classes else color
              for row, color in zip(sources.values(), fresh, strict=True)]
    return change_classes(weights, sources), class_meta(sources, colors)


def _source_classes(text: str,
                    palette: Sequence[Sequence[int]] | None) -> ClassMeta:
    """Names and colours of a data set, or names that were written out."""
    return meta_of_dataset(text) or class_meta(_read_names(text), palette)


def _read_names(text: str) -> list[str] | dict[str, str | int | None]:
    """Names with commas, or what a JSON file holds.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read, or it or the text holds something
            else than names.
    """
    names = [name.strip() for name in text.split(',')]
    if text.endswith('.json'):
        path = Path(text).expanduser()
        if not path.is_file():
            raise FileNotFoundError(f'there is no file {text} of names of '
                                    'classes; correct the path')
        names = read_json(path, list | dict)
    olds = names.values() if isinstance(names, dict) else ()
    wrong = [new for new in names if not isinstance(new, str) or not new]
    wrong += [old for old in olds if type(old) not in (str, int, type(None))]
    if wrong:
        raise ValueError(f'{text!r} must hold a list of names, or a dict of '
                         'new names to old names or indices or null, got '
                         f'{wrong[0]!r}')
    return names


def summarise(weights: EoMTWeights, target: str) -> None:
    """Say what was written."""
    names = ', '.join(sorted(weights.extras)) or 'none'
    print_log(
        f'wrote {len(weights.vit) + len(weights.head)} tensors to {target}: '
        f'{weights.depth} blocks, {weights.num_joint_blocks} with queries, '
        f'patch {weights.patch_size}, {weights.num_classes} classes; missing '
        f'none, unexpected none; carried along: {names}', logger='current')
