"""Read json and list files; errors name the file, and the line or key."""
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import GenericAlias, UnionType
from typing import Any

Kind = type | GenericAlias | UnionType  # int, list[str], str | None
_REMEDY = 'get or write it again'
_LARGEST_INT = 2**63 - 1  # of NumPy


class _RepeatedKeyError(Exception):
    """A key that occurs twice in one object."""


def read_json(path: str | Path,
              kind: Kind = dict,
              keys: Mapping[str, Kind] | None = None,
              *,
              optional: Mapping[str, Kind] | None = None,
              remedy: str = _REMEDY) -> Any:
    """Read a json file; arguments and errors are those of ``parse_json``.

    Args:
        path: The file.
        kind: What it must hold.
        keys: Keys that its dict must have.
        optional: Keys that it may have.
        remedy: End of an error: what to do about it.

    Raises:
        OSError: If the file cannot be opened.
        ValueError: See ``parse_json``.
    """
    return parse_json(Path(path).read_bytes(), path, kind, keys,
                      optional=optional, remedy=remedy)


def parse_json(content: bytes,
               name: str | Path,
               kind: Kind = dict,
               keys: Mapping[str, Kind] | None = None,
               *,
               optional: Mapping[str, Kind] | None = None,
               remedy: str = _REMEDY) -> Any:
    """Read the content of a json file, with or without a byte order mark.

    Args:
        content: The bytes of the file.
        name: What errors call it.
        kind: What it must hold.
        keys: Keys that its dict must have, and the kind of each value.
        optional: Keys that it may have.
        remedy: End of an error: what to do about it.

    Raises:
        ValueError: If it is no json, cut off, states a key twice, or holds
            something else.
    """
    try:
        found = json.loads(content, object_pairs_hook=_unique_keys)
    except _RepeatedKeyError as error:
        raise ValueError(f'{name} states the key {error} twice in one '
                         f'object; {remedy}') from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f'{name} could not be read as JSON, perhaps it is '
                         f'cut off ({error}); {remedy}') from None
    if not fits(found, kind):
        raise ValueError(f'{name} must hold a {_title(kind)}, got a '
                         f'{type(found).__name__}; {remedy}')
    check_keys(found, name, keys or {}, optional=optional, remedy=remedy)
    return found


def check_keys(item: Mapping[str, Any],
               name: str | Path,
               keys: Mapping[str, Kind],
               *,
               optional: Mapping[str, Kind] | None = None,
               remedy: str = _REMEDY) -> None:
    """Refuse a dict that lacks a key, or holds another kind of value.

    Args:
        item: A dict of a json file.
        name: What errors call it: the file, and where in it.
        keys: Keys that it must have, and the kind of each value.
        optional: Keys that it may have.
        remedy: End of an error: what to do about it.

    Raises:
        ValueError: If a key is missing or its value does not fit.
    """
    missing = [key for key in keys if key not in item]
    if missing:
        raise ValueError(f'{name} has no {missing}; {remedy}')
    for key, kind in {**keys, **(optional or {})}.items():
        if key in item and not fits(item[key], kind):
            raise ValueError(f'{name} must have `{key}` as {_title(kind)}, '
                             f'got {item[key]!r:.80}; {remedy}')


def fits(value: Any, kind: Kind) -> bool:
    """Return whether a value of a json file is of a kind.

    ``float`` stands for any finite number, ``int`` for one of 64 bits;
    neither for a bool. A ``str`` holds text that can be written as UTF-8.
    """
    if isinstance(kind, UnionType):
        return any(fits(value, each) for each in kind.__args__)
    if isinstance(kind, GenericAlias):
        parts = value.values() if isinstance(value, dict) else value
        return type(value) is kind.__origin__ and all(
            fits(part, kind.__args__[-1]) for part in parts)
    if kind is float:
        largest = sys.float_info.max
        return type(value) in (int, float) and -largest <= value <= largest
    if type(value) is not kind:
        return False
    if kind is int:
        return -_LARGEST_INT <= value <= _LARGEST_INT
    return kind is not str or _is_text(value)


def read_lines(path: str | Path) -> list[tuple[int, str]]:
    """Read a list file; see ``parse_lines``.

    Raises:
        OSError: If the file cannot be opened.
        ValueError: If it is no text.
    """
    return parse_lines(Path(path).read_bytes(), path)


def parse_lines(content: bytes, name: str | Path) -> list[tuple[int, str]]:
    """Return the lines of a list file that are not blank, and their numbers.

    Args:
        content: The bytes of the file: UTF-8, with or without a byte order
            mark.
        name: What errors call it.

    Returns:
        ``(number, text)``, counted from 1, without space around the text.

    Raises:
        ValueError: If it is no text; the line is named.
    """
    try:
        lines = content.decode('utf-8-sig').splitlines()
    except UnicodeDecodeError as error:
        line = content.count(b'\n', 0, error.start) + 1
        raise ValueError(f'{name} is no UTF-8 text in line {line} ({error}); '
                         'write the list again') from None
    return [(number, line.strip()) for number, line in enumerate(lines, 1)
            if line.strip()]


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    item = dict(pairs)
    if len(item) < len(pairs):
        names = [name for name, _ in pairs]
        raise _RepeatedKeyError(repr(
            next(name for name in item if names.count(name) > 1)))
    return item


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a pair of surrogates
        return False
    return True


def _title(kind: Kind) -> str:
    if isinstance(kind, UnionType):
        return ' or '.join(map(_title, kind.__args__))
    return kind.__name__ if type(kind) is type else str(kind)
