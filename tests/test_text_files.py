import json

import pytest

from mmseg_anomaly.text_files import (
    check_keys,
    fits,
    parse_json,
    read_json,
    read_lines,
)

KEYS = dict(name=str, size=int)


@pytest.mark.parametrize('start', [b'', b'\xef\xbb\xbf'])
def test_read_json__with_and_without_byte_order_mark(tmp_path, start):
    path = tmp_path / 'a.json'
    path.write_bytes(start + '{"name": "straße", "size": 2}'.encode())
    assert read_json(path, dict, KEYS) == dict(name='straße', size=2)


@pytest.mark.parametrize(('content', 'message'), [
    (b'', 'could not be read as JSON, perhaps it is cut off'),
    (b'{"name": "a", ', 'could not be read as JSON, perhaps it is cut off'),
    (b'\n\n{"name"', r'cut off .*line 3 column 8'),
    (b'\x89PNG\xff', 'could not be read as JSON'),
    (b'[' * 100_000, 'could not be read as JSON'),
    (b'1' * 5000, 'could not be read as JSON'),
    (b'null', 'must hold a dict, got a NoneType'),
    (b'[]', 'must hold a dict, got a list'),
    (b'{}', r"has no \['name', 'size'\]"),
    (b'{"name": null, "size": 2}', 'must have `name` as str, got None'),
    (b'{"name": "a", "size": true}', 'must have `size` as int, got True'),
    (b'{"name": "a", "size": 1e30}', 'must have `size` as int, got 1e'),
    (b'{"name": "\\ud800", "size": 1}', 'must have `name` as str'),
    (b'{"name": "a", "name": "b"}', "states the key 'name' twice"),
    (b'{"x": [{"a": 1, "b": 2, "a": 3}]}', "states the key 'a' twice"),
])
def test_parse_json__names_the_file_and_the_remedy(content, message):
    with pytest.raises(ValueError, match=rf'a.json .*{message}'
                       if 'cut off .*' in message else f'a.json {message}'
                       ) as error:
        parse_json(content, 'a.json', dict, KEYS, remedy='copy it')
    assert str(error.value).endswith('; copy it')


def test_read_json__missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='none.json'):
        read_json(tmp_path / 'none.json')
    with pytest.raises(OSError, match=tmp_path.name):
        read_json(tmp_path)


def test_check_keys__optional_ones_may_be_absent_not_wrong():
    check_keys({}, 'x', {}, optional=dict(rule=str | None))
    check_keys(dict(rule=None), 'x', {}, optional=dict(rule=str | None))
    with pytest.raises(ValueError, match='x must have `rule` as str or '
                       'NoneType, got 3'):
        check_keys(dict(rule=3), 'x', {}, optional=dict(rule=str | None))


@pytest.mark.parametrize(('value', 'kind', 'expected'), [
    (1, float, True), (1.5, float, True), (float('nan'), float, False),
    (float('inf'), float, False), (True, float, False), ('1', float, False),
    (10**400, float, False), (2**63, int, False), (-2**62, int, True),
    (1.0, int, False), (['a'], list[str], True), (['a', 1], list[str], False),
    ('a', list[str], False), ({'a': 1}, dict[str, int], True),
    ({'a': 'b'}, dict[str, int], False), ([[1], []], list[list[int]], True),
    ([[1], None], list[list[int]], False),
])
def test_fits__is_strict(value, kind, expected):
    assert fits(value, kind) is expected


def test_read_lines__blank_ones_count_but_are_left_out(tmp_path):
    path = tmp_path / 'a.txt'
    path.write_bytes('\ufeffa\r\n\n  b c \n\t\nd'.encode())
    assert read_lines(path) == [(1, 'a'), (3, 'b c'), (5, 'd')]


def test_read_lines__line_that_is_no_text_is_named(tmp_path):
    path = tmp_path / 'a.txt'
    path.write_bytes(b'a\nb\n\xff\xfe\n')
    with pytest.raises(ValueError, match='a.txt is no UTF-8 text in line 3'):
        read_lines(path)


def test_float__may_be_any_finite_number_of_json():
    content = json.dumps(dict(threshold=-3)).encode()
    assert parse_json(content, 'x', dict, dict(threshold=float))
    with pytest.raises(ValueError, match='`threshold` as float, got nan'):
        parse_json(b'{"threshold": NaN}', 'x', dict, dict(threshold=float))
