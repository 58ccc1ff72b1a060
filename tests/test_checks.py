"""Tests of mmseg_anomaly.checks."""
from argparse import ArgumentTypeError

import numpy as np
import pytest

from mmseg_anomaly import checks


class Loss:
    """An owner of arguments."""


@pytest.mark.parametrize('value', [1, 0.5, np.float32(1), np.int64(1),
                                   10**400])
def test_check_number__takes_numbers_of_python_and_numpy(value):
    checks.check_number('temperature', value, above=0)


@pytest.mark.parametrize(('value', 'error', 'message'), [
    ('1', TypeError, "`t` of Loss must be a positive number, got '1'"),
    (True, TypeError, '`t` of Loss must be a positive number, got True'),
    (None, TypeError, '`t` of Loss must be a positive number, got None'),
    (0, ValueError, '`t` of Loss must be positive, got 0'),
    (float('nan'), ValueError,
     '`t` of Loss must be positive, got nan'),
    (float('inf'), ValueError,
     '`t` of Loss must be positive, got inf, which is not finite'),
])
def test_check_number__names_argument_value_and_what_is_allowed(
        value, error, message):
    with pytest.raises(error) as caught:
        checks.check_number('t', value, above=0, of=Loss())
    assert str(caught.value) == message


@pytest.mark.parametrize(('bounds', 'value', 'words'), [
    (dict(low=0), -1, 'be at least 0'),
    (dict(high=0), 1, 'be at most 0'),
    (dict(low=0, high=1), 2, r'lie in \[0, 1\]'),
    (dict(above=0, high=1), 0, r'lie in \(0, 1\]'),
    (dict(low=0, below=1), 1, r'lie in \[0, 1\)'),
    (dict(above=3), 3, 'be above 3'),
    (dict(below=3), float('nan'), 'be below 3'),
    ({}, float('nan'), 'be finite'),
])
def test_check_number__says_each_bound(bounds, value, words):
    with pytest.raises(ValueError, match=f'`share` must {words}, got'):
        checks.check_number('share', value, **bounds)


def test_check_number__infinity_where_it_is_allowed():
    checks.check_number('threshold', float('inf'), finite=False)
    with pytest.raises(ValueError, match='`threshold` .* nan'):
        checks.check_number('threshold', float('nan'), finite=False)


@pytest.mark.parametrize('value', [2.5, 2.0, '2', True, float('nan'), [2]])
def test_check_integer__refuses_other_types(value):
    with pytest.raises(TypeError, match='must be an integer of at least 1'):
        checks.check_integer('n', value, low=1)


def test_check_integer__takes_integers_of_numpy_and_none():
    checks.check_integer('n', np.uint8(3), low=1)
    checks.check_integer('n', None, low=1, optional=True)


@pytest.mark.parametrize('value', [5, '640', (640, ), (640, 0), (640, -1),
                                   (640, 640.0), (640, None), None])
def test_check_size__refuses_what_is_not_two_positive_integers(value):
    with pytest.raises((TypeError, ValueError), match=(
            r'`vit.img_size` must be two positive integers \(rows, columns\), '
            'got')):
        checks.check_size('img_size', value, of='vit')


def test_check_size__takes_lists_and_tuples():
    checks.check_size('img_size', [640, 640])
    checks.check_size('crop_size', None, optional=True)


@pytest.mark.parametrize('values', ['123', 3, [1, '2'], [1, -1], [1, 2.5]])
def test_check_numbers__names_all(values):
    with pytest.raises((TypeError, ValueError), match=(
            '`start_iters` must be integers of at least 0, got')):
        checks.check_numbers('start_iters', values, kind=int, low=0)


@pytest.mark.parametrize(('lower', 'error'), [
    ('1', TypeError), (None, TypeError), (4, ValueError),
    (float('nan'), ValueError)])
def test_check_order__names_both(lower, error):
    checks.check_order('min', 3, 'max', 3)
    with pytest.raises(error, match='`min` of Loss must be'):
        checks.check_order('min', lower, 'max', 3, of=Loss())
    with pytest.raises(ValueError, match='`min` must be below `max`, got 3 '):
        checks.check_order('min', 3, 'max', 3, equal=False)


@pytest.mark.parametrize('value', ['False', 1, None, 0.0])
def test_check_flags__refuses_what_only_looks_true(value):
    with pytest.raises(TypeError, match='`with_cp` of Loss must be True or '):
        checks.check_flags(Loss(), frozen=True, with_cp=value)


def test_check_texts__refuses_one_text():
    checks.check_texts('scorers', ['rba'])
    with pytest.raises(TypeError, match="`scorers` .* got 'rba'"):
        checks.check_texts('scorers', 'rba')


def test_check_text__refuses_numbers():
    checks.check_text('data_root', 'data')
    with pytest.raises(TypeError, match='`data_root` must be a text, got 5'):
        checks.check_text('data_root', 5)


@pytest.mark.parametrize('value', ['Hard', None, ['hard'], 1.0, True])
def test_check_choice__lists_the_choices(value):
    with pytest.raises(ValueError, match=r"`mode` must be one of \['hard', "):
        checks.check_choice('mode', value, ('hard', 'feather', 1))


@pytest.mark.parametrize(('value', 'error', 'message'), [
    ('road', TypeError, "must be a dict.type=.... or Loss, got 'road'"),
    (None, TypeError, 'must be a dict.type=.... or Loss, got None'),
    (dict(size=1), ValueError, "must state its `type`, got {'size': 1}"),
])
def test_check_part__refuses_what_cannot_be_built(value, error, message):
    with pytest.raises(error, match=f'`placement` {message}'):
        checks.check_part('placement', value, Loss)


def test_check_part__takes_configs_and_objects():
    checks.check_part('placement', Loss(), Loss)
    checks.check_part('placement', dict(type='Loss'), Loss)
    checks.check_part('placement', None, Loss, optional=True)


@pytest.mark.parametrize(('text', 'message'), [
    ('0', 'must be at least 1, got 0'), ('-1', 'must be at least 1, got -1'),
    *((text, f'must be an integer of at least 1, got {text!r}')
      for text in ('2.5', 'two', '', 'nan', 'inf'))])
def test_integer_option__says_what_is_allowed(text, message):
    with pytest.raises(ArgumentTypeError, match=message):
        checks.integer_option(low=1)(text)


@pytest.mark.parametrize('text', ['1.5', 'nan', 'inf', 'much', '-0.1'])
def test_number_option__says_what_is_allowed(text):
    assert checks.number_option(low=0, high=1)('0.5') == 0.5
    with pytest.raises(ArgumentTypeError, match=r'must .* \[0, 1\], got'):
        checks.number_option(low=0, high=1)(text)


def test_regex_option__names_the_fault():
    assert checks.regex_option(r'head\..*') == r'head\..*'
    with pytest.raises(ArgumentTypeError, match=r"'a\(' is not a regular"):
        checks.regex_option('a(')
