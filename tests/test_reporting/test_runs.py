import json

import pytest

from mmseg_anomaly.reporting.runs import (
    changed_settings,
    discard_run,
    load_run,
    save_run,
)

SETTINGS = dict(checkpoint_sha256='ab', scorers=('rba', 'msp'))
FACTS = dict(split='val', layout='official', partial='')


@pytest.fixture
def folder(tmp_path):
    """A finished run."""
    path = tmp_path / 'road'
    path.mkdir()
    (path / 'summary.json').write_text('{"scorers": {}}')
    save_run(path, SETTINGS, {'anomaly/AuPRC': 12}, FACTS)
    return path


def test_run__comes_back_as_it_was_saved(folder):
    run = load_run(folder)
    assert run.name == 'road'
    assert run.metrics == {'anomaly/AuPRC': 12.0}
    assert run.summary == {'scorers': {}}
    assert run.facts == FACTS
    assert changed_settings(run, SETTINGS) == []
    assert [path.name for path in folder.glob('*.tmp')] == []


@pytest.mark.parametrize('missing', ['run.json', 'summary.json'])
def test_run__is_not_finished_without_a_file(folder, missing):
    (folder / missing).unlink()
    assert load_run(folder) is None


def test_discard_run__forgets_that_it_was_finished(folder):
    discard_run(folder)
    assert load_run(folder) is None
    discard_run(folder)


def test_changed_settings__say_what_was_and_what_is(folder):
    changes = changed_settings(
        load_run(folder), dict(SETTINGS, scorers=['rba'], amp=True))
    assert changes == ['amp: None -> True',
                       "scorers: ['rba', 'msp'] -> ['rba']"]


@pytest.mark.parametrize('content', ['{', json.dumps({'settings': 1}), '[]'])
def test_run__names_a_folder_it_cannot_read(folder, content):
    (folder / 'run.json').write_text(content)
    with pytest.raises(ValueError, match=r'road cannot be read .*delete'):
        load_run(folder)


@pytest.mark.parametrize('name', ['run.json', 'summary.json'])
@pytest.mark.parametrize('content', ['', 'null', '[1]', '{"settings": {'])
def test_run__names_the_file_that_is_damaged(folder, name, content):
    (folder / name).write_text(content)
    with pytest.raises(ValueError, match=f'road cannot be read since {name} '
                       '.*; delete the folder'):
        load_run(folder)


@pytest.mark.parametrize(('name', 'key', 'value', 'message'), [
    ('run.json', 'metrics', None, 'must have `metrics` as dict, got None'),
    ('run.json', 'metrics', {'a/AuPRC': None},
     'must have `metrics.a/AuPRC` as a number, got None'),
    ('run.json', 'facts', {}, r", `facts`, has no \['partial'\]"),
    ('run.json', 'settings', [], r'must have `settings` as dict, got \[\]'),
    ('summary.json', 'scorers', {'msp': None},
     r', `scorers`, must have `msp` as dict, got None'),
    ('summary.json', 'scorers', {'msp': {}}, r"has no \['num_images'"),
    ('summary.json', 'scorers', 3, 'must have `scorers` as dict, got 3'),
])
def test_run__names_the_key_of_another_type(folder, name, key, value, message):
    content = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps({**content, key: value}))
    with pytest.raises(ValueError, match=f'{name}.*{message}.*; delete'):
        load_run(folder)


def test_run__may_hold_a_number_that_is_none(folder):
    save_run(folder, SETTINGS, {'anomaly/AuPRC': float('nan')}, FACTS)
    assert load_run(folder).metrics['anomaly/AuPRC'] != 0
