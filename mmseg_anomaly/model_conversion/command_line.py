"""What the command lines of the converters share."""
import argparse
import json
from pathlib import Path
from typing import Any

from .classes import change_classes, check_names, match_classes
from .eomt_weights import EoMTWeights
from .report import say
from .sizes import change_sizes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options for what may change on the way."""
    parser.add_argument(
        '--img-size', type=int, nargs=2, metavar=('H', 'W'),
        help='resample the positions for images of this size')
    parser.add_argument(
        '--source-img-size', type=int, nargs=2, metavar=('H', 'W'),
        help='size that the positions of SRC are for, if it is no square')
    parser.add_argument(
        '--patch-size', type=int,
        help='resample the patch embedding for patches of this side')
    parser.add_argument(
        '--classes', help='new classes: names with commas, each continues '
        'the class of that name; or a JSON file with a list of names, or '
        'with {new name: old name or index, null to start afresh}')
    parser.add_argument(
        '--source-classes', help='names of the classes of SRC, if it does '
        'not tell them: with commas, or a JSON file with a list')
    parser.add_argument(
        '--ignore', nargs='+', default=[], metavar='REGEX',
        help='names that may be missing or left over in SRC')


def adapt(weights: EoMTWeights, args: argparse.Namespace,
          about: dict[str, Any]) -> tuple[EoMTWeights, list[str] | None]:
    """Change sizes and classes as the command line asks.

    Args:
        weights: What was read.
        args: Of :func:`add_arguments`.
        about: What :func:`read_checkpoint` found beside the tensors.

    Returns:
        The EoMT, and the names of its classes, None if unknown.
    """
    weights = change_sizes(
        weights, say, img_size=args.img_size, patch_size=args.patch_size,
        source_img_size=args.source_img_size)
    known = list(about.get('classes', ()))
    if args.source_classes:
        known = list(_read_names(args.source_classes))
    check_names(known, weights.num_classes)
    if not args.classes:
        return weights, known or None
    sources = match_classes(_read_names(args.classes), known,
                            weights.num_classes)
    return change_classes(weights, sources, say), list(sources)


def _read_names(text: str) -> list[str] | dict[str, str | int | None]:
    """Names with commas, or what a JSON file holds.

    Raises:
        ValueError: If the file holds neither a list nor a dict.
    """
    if not text.endswith('.json'):
        return [name.strip() for name in text.split(',')]
    names = json.loads(Path(text).read_text())
    if not isinstance(names, list | dict):
        raise ValueError(f'{text} must hold a list of names, or a dict of '
                         f'new names to old ones, got a '
                         f'{type(names).__name__}')
    return names


def summarise(weights: EoMTWeights, target: str) -> None:
    """Say what was written."""
    names = ', '.join(sorted(weights.carried)) or 'none'
    say(f'wrote {len(weights.vit) + len(weights.head)} tensors to {target}: '
        f'{weights.depth} blocks, {weights.num_joint_blocks} with queries, '
        f'patch {weights.patch_size}, {weights.num_classes} classes; missing '
        f'none, unexpected none; carried along: {names}')
