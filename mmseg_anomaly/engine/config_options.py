"""Settings of a config that nothing reads, and the ones that were meant.

A variable of a config is copied where the config uses it when the file is
read. Changing it later changes nothing.
"""
import argparse
import ast
import difflib
import inspect
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction
from mmengine.runner import Runner

READ_KEYS = {
    *inspect.signature(Runner).parameters,
    # what MMEngine, MMSeg's tools and ours read besides
    'allow_missing', 'allow_unread', 'compile', 'custom_imports',
    'efficient_conv_bn_eval', 'find_unused_parameters', 'model_wrapper_cfg',
    'runner_type', 'tta_model', 'tta_pipeline'
}
SYNONYMS = {'seed': 'randomness.seed', 'epochs': 'train_cfg.max_epochs',
            'iters': 'train_cfg.max_iters'}
_MOST_NAMED = 4


class CheckedDictAction(DictAction):
    """MMEngine's action of ``--cfg-options``, which names a faulty option."""

    def __call__(self, parser: argparse.ArgumentParser,
                 namespace: argparse.Namespace, values: Sequence[str],
                 option_string: str | None = None) -> None:
        """Parse options; a usage error ends the program."""
        for text in values:
            key, equals, _ = text.partition('=')
            if not equals or not key:
                parser.error(f'{option_string}: {text!r} must be written '
                             'key=value, without blanks around "="')
        super().__call__(parser, namespace, values, option_string)


def read_config(path: str | Path, *, holds_model: bool = True,
                **options: Any) -> Config:
    """Read a config.

    Args:
        path: The file.
        holds_model: Whether it must have a ``model``.
        **options: Of ``Config.fromfile``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no Python, or has no model.
    """
    try:
        cfg = Config.fromfile(str(path), **options)
    except SyntaxError as error:
        raise ValueError(
            f'{_file_with_fault(Path(path))}, line {error.lineno}: '
            f'{error.msg}; correct the config') from error
    if holds_model and 'model' not in cfg:
        raise ValueError(f'{path} is no config of a model: it has no '
                         f'`model`, but {sorted(cfg) or "nothing"}')
    return cfg


def _file_with_fault(path: Path) -> Path:
    """Return the config, or the first of its bases, that is no Python."""
    return next(_files_with_faults(path), path)


def _files_with_faults(path: Path) -> Iterator[Path]:
    try:
        tree = ast.parse(path.read_text(encoding='utf-8'))
    except SyntaxError:
        yield path
        return
    for node in tree.body:
        if isinstance(node, ast.Assign) and '_base_' in map(
                ast.unparse, node.targets):
            for part in ast.walk(node.value):
                if isinstance(part, ast.Constant):
                    yield from _files_with_faults(path.parent / part.value)


def check_options(cfg: Config, options: Mapping[str, Any]) -> None:
    """Refuse options that would change nothing.

    Args:
        cfg: The config before the options are merged. Its ``allow_unread``
            lists further keys that the user's own code reads.
        options: Values by dotted key, as ``--cfg-options`` gives them.

    Raises:
        ValueError: If nothing reads a key; names those that were probably
            meant.
    """
    content = cfg.to_dict()
    allowed = {*READ_KEYS, *options.get('allow_unread',
                                        content.get('allow_unread', ()))}
    for option in options:
        variable, _, rest = option.partition('.')
        if variable not in allowed or _is_overridden(content, variable):
            reason = ('it is a variable, copied when the config was read'
                      if variable in content else
                      'the config has no such key')
            meant = meant_keys(content, variable)
            remedy = (f'set {_listed(meant, rest)}' if meant else
                      'tools/misc/print_config.py shows what can be set')
            raise ValueError(
                f'--cfg-options {option} changes nothing: {reason}; {remedy}. '
                'A key that only your own code reads goes into '
                '`allow_unread` of the config')
        _check_path(content, option)


def _is_overridden(content: Mapping, variable: str) -> bool:
    # the model's own goes first
    return (variable == 'data_preprocessor'
            and content['model'].get(variable) is not None)


def _check_path(content: Mapping, option: str) -> None:
    """Refuse a level that the config lacks, if a similar one is there."""
    node: Any = content
    *levels, _ = option.split('.')
    for depth, level in enumerate(levels):
        if not isinstance(node, Mapping):
            return  # a number within a list, which MMEngine checks
        if level not in node:
            similar = difflib.get_close_matches(level, node, 1, 0.8)
            if similar:
                path = '.'.join([*levels[:depth], similar[0],
                                 *option.split('.')[depth + 1:]])
                raise ValueError(f'--cfg-options {option}: the config has no '
                                 f'{level!r} there, set {path}')
            return
        node = node[level]


def meant_keys(content: Mapping, variable: str) -> list[str]:
    """Return the nested keys that a variable was probably copied to.

    Args:
        content: A resolved config.
        variable: A key of its top level, or one that is not there.

    Returns:
        Dotted keys: those that hold the same dict or list, or the same value
        under the same name; else those of the same name, else of a similar
        one.
    """
    nested = [(path, value) for path, value in _walk(content)
              if path.split('.')[0] in READ_KEYS and path != variable]
    named = [(path, value) for path, value in nested
             if path.rpartition('.')[2] == variable]
    if variable in content:
        own = content[variable]
        large = isinstance(own, dict | list) and len(own) > 0
        equal = [path for path, value in (nested if large else named)
                 if _plain(value) == _plain(own)]
        if equal:
            return equal
    if named:
        return [path for path, _ in named]
    if variable in SYNONYMS:
        return [SYNONYMS[variable]]
    names = {path.rpartition('.')[2]: path for path, _ in reversed(nested)}
    names |= {key: key for key in READ_KEYS}
    return [names[name] for name in
            difflib.get_close_matches(variable, names, _MOST_NAMED, 0.75)]


def stale_variables(cfg: Config) -> list[str]:
    """Describe variables whose value arrived nowhere.

    A child config that sets ``crop_size`` again changes none of the dicts in
    which its base has used it.

    Returns:
        A sentence for each.
    """
    content = cfg.to_dict()
    stale = []
    for variable, value in content.items():
        if variable in READ_KEYS or isinstance(value, dict | list):
            continue
        copies = [(path, nested) for path, nested in _walk(content)
                  if path.split('.')[0] in READ_KEYS
                  and path.rpartition('.')[2] == variable]
        if copies and all(_plain(nested) != _plain(value)
                          for _, nested in copies):
            path, nested = copies[0]
            stale.append(
                f'the variable `{variable}` of the config is {value!r} and '
                f'`{path}` is {nested!r}: set '
                f'{_listed([path for path, _ in copies])} as well')
    return stale


def _walk(node: Any, path: str = '') -> Iterator[tuple[str, Any]]:
    items: Iterator[tuple[Any, Any]] = iter(())
    if isinstance(node, Mapping):
        items = iter(node.items())
    elif isinstance(node, list | tuple):
        items = enumerate(node)
    for key, value in items:
        inner = f'{path}.{key}' if path else str(key)
        yield inner, value
        yield from _walk(value, inner)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _listed(paths: Sequence[str], rest: str = '') -> str:
    tail = f'.{rest}' if rest else ''
    text = ', '.join(f'{path}{tail}' for path in paths[:_MOST_NAMED])
    more = len(paths) - _MOST_NAMED
    return f'{text} and {more} more' if more > 0 else text
