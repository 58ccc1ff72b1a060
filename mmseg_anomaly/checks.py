"""Checks of the arguments that a config or a command line states.

An error names the argument as the user writes it, what is allowed and the
value: "`temperature` of EIMLoss must be positive, got -1". A wrong type is a
``TypeError``, a wrong value a ``ValueError``. A bool is not a number, a float
is not an integer, NaN and infinity are refused unless the check says
otherwise. NumPy's scalars are numbers, too.

``of`` says whose argument it is: an object, by its class; or a text, which is
the key in front, as in "`test_cfg.stride`". ``optional`` allows None.
"""
import math
import os
import re
from argparse import ArgumentTypeError
from collections.abc import Callable, Collection, Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple

Number = int | float
_NUMBER = 'a number, not NaN'


class Bounds(NamedTuple):
    """What a number may be."""

    low: Number | None = None  # smallest value
    high: Number | None = None  # largest value
    above: Number | None = None  # every value is larger
    below: Number | None = None  # every value is smaller
    finite: bool = True  # whether infinity is refused

    def hold(self, value: Number) -> bool:
        """Return whether a number lies within; NaN never does."""
        return (value == value  # not NaN
                and not (self.finite and value in (math.inf, -math.inf))
                and (self.low is None or value >= self.low)
                and (self.high is None or value <= self.high)
                and (self.above is None or value > self.above)
                and (self.below is None or value < self.below))

    def noun(self, noun: str) -> str:
        """Return what is allowed of a noun, as 'number in (0, 1]'."""
        phrase = self._phrase()
        if phrase == 'positive':
            return f'positive {noun}'
        of = 'of ' if phrase.startswith('at ') else ''
        return f'{noun} {of}{phrase}'.rstrip()

    def demand(self) -> str:
        """Return what a number must do, as 'be positive'."""
        phrase = self._phrase()
        if phrase.startswith('in '):
            return f'lie {phrase}'
        return f'be {phrase or ("finite" if self.finite else _NUMBER)}'

    def _phrase(self) -> str:
        least = self.low if self.above is None else self.above
        most = self.high if self.below is None else self.below
        if least is not None and most is not None:
            return (f'in {"[" if self.above is None else "("}{least}, '
                    f'{most}{"]" if self.below is None else ")"}')
        if least is not None and self.above is not None:
            return 'positive' if least == 0 else f'above {least}'
        if least is not None:
            return f'at least {least}'
        if most is None:
            return ''
        return f'at most {most}' if self.below is None else f'below {most}'


def check_number(name: str, value: Any, *, optional: bool = False,
                 of: object = None, **bounds: Any) -> None:
    """Refuse what is not a number, or out of range.

    Args:
        name: The argument, as the config writes it.
        value: What was given.
        optional: Whether None is allowed.
        of: Whose argument it is.
        **bounds: Fields of :class:`Bounds`.

    Raises:
        TypeError: If it is not a number.
        ValueError: If it is out of range.
    """
    if not (optional and value is None):
        _check_real(_title(name, of), value, float, Bounds(**bounds))


def check_integer(name: str, value: Any, *, optional: bool = False,
                  of: object = None, **bounds: Any) -> None:
    """Refuse what is not an integer, 2.0 included, or out of range.

    Arguments and errors are those of :func:`check_number`.
    """
    if not (optional and value is None):
        _check_real(_title(name, of), value, int, Bounds(**bounds))


def check_numbers(name: str, values: Any, *, length: int | None = None,
                  layout: str = '', of: object = None, kind: type = float,
                  **bounds: Any) -> None:
    """Refuse what is not a list or tuple of numbers within bounds.

    Args:
        name: The argument, as the config writes it.
        values: What was given.
        length: How many they must be.
        layout: Their meaning, such as '(rows, columns)'.
        of: Whose argument it is.
        kind: ``float`` or ``int``.
        **bounds: Fields of :class:`Bounds`.

    Raises:
        TypeError: If it is not a list of that kind.
        ValueError: If its length differs or a number is out of range.
    """
    limits = Bounds(**bounds)
    count = {None: '', 2: 'two '}.get(length, f'{length} ')
    noun = limits.noun('integers' if kind is int else 'numbers')
    problem = (f'{_title(name, of)} must be {count}{noun}'
               f'{layout and " "}{layout}, got {values!r}')
    if not _is_list(values) or not all(_is_a(kind, each) for each in values):
        raise TypeError(problem)
    if length not in (None, len(values)) or not all(map(limits.hold, values)):
        raise ValueError(problem)


def check_order(name: str, value: Any, upper_name: str, upper: Any, *,
                equal: bool = True, of: object = None) -> None:
    """Refuse a number that exceeds another argument.

    Args:
        name: The argument, as the config writes it.
        value: What was given.
        upper_name: The argument that it must not exceed.
        upper: What was given for that.
        equal: Whether both may be equal.
        of: Whose arguments they are.

    Raises:
        TypeError: If one is not a number.
        ValueError: If the first is larger, or one is NaN.
    """
    for title, each in ((name, value), (upper_name, upper)):
        if not _is_a(float, each):
            check_number(title, each, of=of)
    if not (value < upper or equal and value == upper):
        word = 'at most' if equal else 'below'
        raise ValueError(f'{_title(name, of)} must be {word} `{upper_name}`, '
                         f'got {value!r} and {upper!r}')


def check_size(name: str, value: Any, *, layout: str = '(rows, columns)',
               optional: bool = False, of: object = None) -> None:
    """Refuse what is not two positive integers, as of an image or window."""
    if not (optional and value is None):
        check_numbers(name, value, length=2, layout=layout, of=of,
                      kind=int, above=0)


def check_flags(of: object = None, **flags: Any) -> None:
    """Refuse what is neither True nor False; the text 'False' is true."""
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise TypeError(f'{_title(name, of)} must be True or False, got '
                            f'{value!r}')


def check_text(name: str, value: Any, *, optional: bool = False,
               of: object = None) -> None:
    """Refuse what is neither a text nor a path."""
    if not (isinstance(value, str | os.PathLike)
            or optional and value is None):
        raise TypeError(f'{_title(name, of)} must be a text, got {value!r}')


def check_texts(name: str, values: Any, *, optional: bool = False,
                of: object = None) -> None:
    """Refuse what is not a list of texts; one text alone is none."""
    if optional and values is None:
        return
    if not _is_list(values) or not all(isinstance(x, str) for x in values):
        raise TypeError(f'{_title(name, of)} must be a list of texts, got '
                        f'{values!r}')


def check_choice(name: str, value: Any, choices: Collection, *,
                 of: object = None) -> None:
    """Refuse what is not one of the choices.

    Raises:
        ValueError: If it is another value, of whatever type.
    """
    if not any(value is choice or type(value) is type(choice)
               and value == choice for choice in choices):
        raise ValueError(f'{_title(name, of)} must be one of '
                         f'{list(choices)}, got {value!r}')


def check_part(name: str, value: Any, kind: type, *, optional: bool = False,
               of: object = None) -> None:
    """Refuse what is neither a config of a part nor such an object.

    Args:
        name: The argument, as the config writes it.
        value: A dict with its ``type``, or an instance of ``kind``.
        kind: A class or a runtime-checkable Protocol.
        optional: Whether None is allowed.
        of: Whose argument it is.

    Raises:
        TypeError: If it is neither.
        ValueError: If a dict states no ``type``.
    """
    if isinstance(value, dict):
        if 'type' not in value:
            raise ValueError(f'{_title(name, of)} must state its `type`, got '
                             f'{value!r}')
    elif not (optional and value is None or isinstance(value, kind)):
        raise TypeError(f'{_title(name, of)} must be a dict(type=...) or '
                        f'{kind.__name__}, got {value!r}')


def check_parts(name: str, values: Any, kind: type, *,
                of: object = None) -> None:
    """Refuse what is not a list of such parts; a dict alone is none."""
    if not _is_list(values):
        raise TypeError(f'{_title(name, of)} must be a list of '
                        f'dict(type=...), got {values!r}')
    for number, value in enumerate(values):
        check_part(f'{name}[{number}]', value, kind, of=of)


def integer_option(**bounds: Any) -> Callable[[str], int]:
    """Return the ``type`` of an option that takes integers in bounds."""
    return _number_option(int, Bounds(**bounds))


def number_option(**bounds: Any) -> Callable[[str], float]:
    """Return the ``type`` of an option that takes numbers in bounds."""
    return _number_option(float, Bounds(**bounds))


def regex_option(text: str) -> str:
    """Refuse what is not a regular expression, as argparse's ``type``."""
    try:
        re.compile(text)
    except re.error as error:
        raise ArgumentTypeError(f'{text!r} is not a regular expression '
                                f'({error})') from None
    return text


def _number_option(kind: type, bounds: Bounds) -> Callable[[str], Number]:
    allowed = _article(bounds.noun('integer' if kind is int else 'number'))

    def parse(text: str) -> Number:
        try:
            value = kind(text)
        except ValueError:
            raise ArgumentTypeError(
                f'must be {allowed}, got {text!r}') from None
        if not bounds.hold(value):
            raise ArgumentTypeError(
                f'must {bounds.demand()}, got {text}')
        return value

    return parse


def _check_real(title: str, value: Any, kind: type, bounds: Bounds) -> None:
    if not _is_a(kind, value):
        noun = bounds.noun('integer' if kind is int else 'number')
        raise TypeError(f'{title} must be {_article(noun)}, got {value!r}')
    if not bounds.hold(value):
        infinite = value in (math.inf, -math.inf)
        raise ValueError(f'{title} must {bounds.demand()}, got {value!r}' +
                         (', which is not finite' if infinite else ''))


def _article(noun: str) -> str:
    return f'an {noun}' if noun.startswith('integer') else f'a {noun}'


def _is_a(kind: type, value: Any) -> bool:
    number = Integral if kind is int else Real
    return isinstance(value, number) and not isinstance(value, bool)


def _is_list(values: Any) -> bool:
    return isinstance(values, Sequence) and not isinstance(values, str)


def _title(name: str, of: object) -> str:
    if isinstance(of, str):
        return f'`{of}.{name}`'
    return f'`{name}`' if of is None else f'`{name}` of {type(of).__name__}'
