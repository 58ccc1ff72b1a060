"""Build scorers from the way configs and command lines write them."""
import ast
import functools
import inspect
from collections.abc import Callable, Collection, Sequence

from mmseg.registry import TASK_UTILS
from torch import Tensor

from .scorers import Scorer, ScorerRule, check_temperature


def build_scorers(cfg: str | dict | Sequence[str | dict],
                  is_mask_classifier: bool) -> dict[str, Scorer]:
    """Build the scorers a config asks for.

    Args:
        cfg: ``'rba'`` or ``dict(type='softmax_msp', temperature=2.0)`` or a
            list of such; ``name`` in a dict renames the map, so that one
            rule can serve twice.
        is_mask_classifier: Whether ``seg_logits`` are scores of a mask
            classifier rather than plain logits.

    Returns:
        Name -> function of the evidence, in the order of the config.

    Raises:
        ValueError: If a scorer is unknown, gets an argument it has not, does
            not fit the head, or a name occurs twice, or none is given.
    """
    entries = [cfg] if isinstance(cfg, (str, dict)) else list(cfg)
    built = [_build(entry, is_mask_classifier) for entry in entries]
    names = [name for name, _ in built]
    if not names or len(set(names)) < len(names):
        raise ValueError('`scorer` needs one or more different names, got '
                         f'{names}; rename with dict(type=..., name=...)')
    return dict(built)


def _build(cfg: str | dict, is_mask_classifier: bool) -> tuple[str, Scorer]:
    arguments = {'type': cfg} if isinstance(cfg, str) else dict(cfg)
    name = arguments.pop('type')
    scorer = _find(name)
    rule = _rule_of(name)
    if rule and rule.instead_on_logits and not is_mask_classifier:
        raise ValueError(
            f'scorer={name!r} reads scores of a mask classifier, this head '
            f'gives plain logits; use {rule.instead_on_logits!r}')
    label = arguments.pop('name', name)
    try:
        inspect.signature(scorer).bind({}, **arguments)
    except TypeError as error:
        raise ValueError(f'scorer={name!r}: {error}; it is '
                         f'{name}{inspect.signature(scorer)}') from None
    if 'temperature' in arguments:
        check_temperature(arguments['temperature'], label)
    return label, functools.partial(scorer, **arguments)


def _find(name: str) -> Callable[..., Tensor]:
    scorer = TASK_UTILS.get(name)
    if not inspect.isfunction(scorer):
        raise ValueError(f'scorer={name!r} is not registered in TASK_UTILS; '
                         f'choose from {sorted(_registered())}')
    return scorer


def _registered() -> list[str]:
    """Names of all functions in TASK_UTILS, in the order of registration."""
    return [name for name, value in TASK_UTILS.module_dict.items()
            if inspect.isfunction(value)]


def _rule_of(name: str) -> ScorerRule | None:
    # a plain function that a user has registered carries no rule
    return getattr(TASK_UTILS.get(name), 'rule', None)


def fitting_scorers(is_mask_classifier: bool,
                    evidence_names: Collection[str]) -> list[str]:
    """Return the scorers that make sense for a head.

    Args:
        is_mask_classifier: As in ``EvidenceHead``.
        evidence_names: Likewise.

    Returns:
        Names in the order of registration. Functions without a rule are left
        out, because they need not be scorers.
    """
    rules = {name: _rule_of(name) for name in _registered()}
    return [
        name for name, rule in rules.items()
        if rule and rule.evidence in evidence_names and
        (is_mask_classifier or rule.instead_on_logits is None)
    ]


def parse_scorer(text: str) -> str | dict:
    """Read a scorer from a command line.

    Args:
        text: 'rba', or 'softmax_msp:temperature=2' with any number of
            settings, separated by commas.

    Returns:
        An entry of ``test_cfg.scorer``; settings become a part of the name,
        so that one rule can serve twice.

    Raises:
        ValueError: If a setting is not written name=value.
    """
    name, _, settings = text.partition(':')
    if not settings:
        return name
    arguments = {}
    for setting in settings.split(','):
        key, equals, value = setting.partition('=')
        try:
            arguments[key] = ast.literal_eval(value)
        except (SyntaxError, ValueError):
            equals = ''
        if not equals:
            raise ValueError(f'scorer {text!r}: expected settings such as '
                             f'`softmax_msp:temperature=2`, got {setting!r}')
    return dict(type=name, name=text.replace(':', '_'), **arguments)


def formula(cfg: str | dict) -> str:
    """State what a scorer computes.

    Args:
        cfg: An entry of ``test_cfg.scorer``.

    Returns:
        Its formula, with the settings that differ from the defaults.
    """
    settings = {} if isinstance(cfg, str) else dict(cfg)
    name = settings.pop('type', cfg)
    settings.pop('name', None)
    settings = {'T': settings.pop('temperature', 1.0), **settings}
    rule = _rule_of(name)
    text = rule.formula if rule else name
    return text + ''.join(f', {key} = {value:g}' if key == 'T' else
                          f', {key} = {value}'
                          for key, value in settings.items()
                          if key != 'T' or ' T' in text)


def scorer_name(cfg: str | dict) -> str:
    """Return the name of the map that a scorer makes."""
    return cfg if isinstance(cfg, str) else cfg.get('name', cfg['type'])
