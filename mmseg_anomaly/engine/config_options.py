"""Settings of a config that nothing reads, and the ones that were meant.

A variable of a config is copied where the config uses it when the file is
read. Changing it later changes nothing.
"""
import argparse
import ast
import copy
import difflib
import inspect
import traceback
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction
from mmengine.runner import Runner

from .config_arguments import TAKEN_OUT, arguments_of, find_node

READ_KEYS = {
    *inspect.signature(Runner).parameters,
    # what MMEngine, MMSeg's tools and ours read besides
    'activation_checkpointing', 'allow_missing', 'allow_unread', 'compile',
    'custom_imports', 'efficient_conv_bn_eval', 'find_unused_parameters',
    'model_wrapper_cfg', 'overwrite', 'resume_weights_only', 'runner_type',
    'sync_bn', 'tta_model', 'tta_pipeline'
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
            if any(text.count(left) != text.count(right)
                   for left, right in ('()', '[]')):
                parser.error(f'{option_string}: brackets do not match in '
                             f'{text!r}')
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
        ValueError: If it is no Python, fails when it is run, or has no model.
    """
    try:
        cfg = Config.fromfile(str(path), **options)
    except FileNotFoundError:
        raise  # it names the file
    except SyntaxError as error:
        raise ValueError(
            f'{_file_with_fault(Path(path))}, line {error.lineno}: '
            f'{error.msg}; correct the config') from error
    except Exception as error:  # a config is a program
        raise ValueError(f'config {_failing_line(path, error)} fails: '
                         f'{type(error).__name__}: {error}') from error
    if holds_model and 'model' not in cfg:
        raise ValueError(f'{path} is no config of a model: it has no '
                         f'`model`, but {sorted(cfg) or "nothing"}')
    return cfg


def _failing_line(path: str | Path, error: Exception) -> str:
    """Return the file and line of the config or base that raised an error."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__)
              if frame.name == '<module>' and frame.filename.endswith('.py')]
    if not frames or Path(path).suffix != '.py':
        return str(path)
    return f'{frames[-1].filename}, line {frames[-1].lineno}'


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


def merge_options(cfg: Config, options: Mapping[str, Any] | None,
                  also_read: Collection[str] = ()) -> None:
    """Check options as :func:`check_options` does, and merge them."""
    check_options(cfg, options or {}, also_read)
    cfg.merge_from_dict(options or {})


def check_options(cfg: Config, options: Mapping[str, Any],
                  also_read: Collection[str] = ()) -> None:
    """Refuse options that would change nothing.

    Args:
        cfg: The config before the options are merged. Its ``allow_unread``
            lists further keys that the user's own code reads.
        options: Values by dotted key, as ``--cfg-options`` gives them.
        also_read: Further keys that the tool reads.

    Raises:
        ValueError: If nothing reads a key; names those that were probably
            meant.
    """
    content = _with_types(cfg, options)
    own = options.get('allow_unread', content.get('allow_unread', ()))
    own = [own] if isinstance(own, str) else own
    for option in options:
        variable, _, rest = option.partition('.')
        if option in own or option in also_read:
            continue
        if variable not in {*READ_KEYS, *own} or _is_overridden(
                content, variable):
            reason = ('it is a variable, copied when the config was read'
                      if variable in content else
                      'the config has no such key')
            meant = meant_keys(content, variable, also_read)
            remedy = (f'set {_listed(meant, rest)}' if meant else
                      'tools/misc/print_config.py shows what can be set')
            raise ValueError(
                f'--cfg-options {option} changes nothing: {reason}; {remedy}. '
                'A key that only your own code reads goes into '
                '`allow_unread` of the config')
        _check_path(content, option)


def _with_types(cfg: Config, options: Mapping[str, Any]) -> dict:
    """Return the config with the types that options will give it."""
    content = copy.deepcopy(cfg.to_dict())
    for option, value in options.items():
        *levels, last = option.split('.')
        node = find_node(content, levels)
        if last == 'type' and isinstance(node, dict):
            node['type'] = value
    return content


def _is_overridden(content: Mapping, variable: str) -> bool:
    # the model's own goes first
    return (variable == 'data_preprocessor'
            and (content.get('model') or {}).get(variable) is not None)


def _check_path(content: Mapping, option: str) -> None:
    """Refuse a level that the config lacks and that nothing would take.

    A dict with a ``type`` takes the arguments of its class. Any other takes
    what it is given, unless it has a similar key.
    """
    levels = option.split('.')
    for depth, level in enumerate(levels):
        node = find_node(content, levels[:depth])
        if find_node(content, levels[:depth + 1]) is not None:
            continue
        if not depth or not isinstance(node, Mapping) or level in node:
            return  # a list, which MMEngine checks, or replaced as a whole
        takes = arguments_of(node)
        known = {*node, *(takes or ())} - TAKEN_OUT
        similar = difflib.get_close_matches(
            level, known, 1, 0.8 if takes is None else 0.7)
        if level in TAKEN_OUT or (
                not similar if takes is None else level in takes):
            return
        meant = (['.'.join([*levels[:depth], *similar, *levels[depth + 1:]])]
                 if similar else meant_keys(content, levels[-1]))
        remedy = (f'set {_listed(meant)}' if meant else
                  'tools/misc/print_config.py shows what can be set')
        where = 'the config' if takes is None else node['type']
        raise ValueError(
            f'--cfg-options {option}: {where} has no {level!r} there, '
            f'{remedy}. A key that only your own code reads goes into '
            '`allow_unread` of the config')


def meant_keys(content: Mapping, variable: str,
               also_read: Collection[str] = ()) -> list[str]:
    """Return the nested keys that a variable was probably copied to.

    Args:
        content: A resolved config.
        variable: A key of its top level, or one that is not there.
        also_read: Further keys that the tool reads.

    Returns:
        Dotted keys: those that hold the same dict or list, or the same value
        under the same name; else those of the same name; else those of a
        similar name and those that a class would take.
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
    similar = [names[name] for name in difflib.get_close_matches(
        variable, names, _MOST_NAMED, 0.75)]
    passed_on = [path for path in also_read
                 if path.rpartition('.')[2] == variable]
    taken = [f'{path}.{variable}' for path, value in nested
             if isinstance(value, Mapping)
             and variable in (arguments_of(value) or ())]
    return list(dict.fromkeys([*similar, *passed_on, *taken]))


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
