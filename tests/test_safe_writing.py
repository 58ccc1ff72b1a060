"""No output replaces an input, and no folder is left half."""
import os

import pytest

from mmseg_anomaly.safe_writing import check_outputs, whole_folder


@pytest.fixture
def source(tmp_path):
    path = tmp_path / 'in' / 'a.pth'
    path.parent.mkdir()
    path.write_text('precious')
    return path


@pytest.mark.parametrize('name', [
    'in/a.pth', 'in/../in/a.pth', 'link.pth', 'hard.pth', 'folder/a.pth'])
def test_outputs__are_no_inputs_under_any_name(name, source, tmp_path):
    (tmp_path / 'link.pth').symlink_to(source)
    os.link(source, tmp_path / 'hard.pth')
    (tmp_path / 'folder').symlink_to(source.parent)
    with pytest.raises(ValueError, match=(
            f'{name} cannot be written, because it is .*in/a.pth, which is '
            'read; name another output')):
        check_outputs([tmp_path / 'new.pth', tmp_path / name],
                      [None, tmp_path / 'none', str(source)])


@pytest.mark.parametrize('name', ['in', '.', 'in/..'])
def test_outputs__hold_no_inputs(name, source, tmp_path):
    with pytest.raises(ValueError, match='because it holds .*in/a.pth'):
        check_outputs([tmp_path / name], [source])


def test_outputs__may_replace_what_is_not_read(source, tmp_path):
    (tmp_path / 'in' / 'b.pth').touch()
    check_outputs([tmp_path / 'in/b.pth', tmp_path / 'in/c.pth'],
                  [source, source.parent, ''])


def test_folder__appears_when_it_is_complete(tmp_path):
    out = tmp_path / 'deep' / 'out'
    with pytest.raises(KeyboardInterrupt), whole_folder(out) as folder:
        (folder / 'a').touch()
        raise KeyboardInterrupt
    assert not out.exists()
    with whole_folder(out) as folder:
        assert not list(folder.iterdir())
        (folder / 'b').touch()
    assert [path.name for path in out.iterdir()] == ['b']
    assert [path.name for path in out.parent.iterdir()] == ['out']


def test_folder__may_be_the_empty_one_we_are_in(tmp_path, monkeypatch):
    (tmp_path / 'out').mkdir()
    monkeypatch.chdir(tmp_path / 'out')
    with whole_folder('.') as folder:
        (folder / 'b').touch()
    assert (tmp_path / 'out' / 'b').exists()


def test_folder__says_what_it_removes(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr('mmseg_anomaly.safe_writing.print_log',
                        lambda text, *_: said.append(text))
    (tmp_path / 'out.partial').mkdir()
    with whole_folder(tmp_path / 'out'):
        pass
    assert said == [
        f'{tmp_path}/out.partial, which a run that was stopped has left, is '
        'removed; this one starts over']


def test_folder__removes_no_input(tmp_path):
    """A user's own folder may have the name of an unfinished one."""
    source = tmp_path / 'out.partial' / 'images'
    source.mkdir(parents=True)
    with (pytest.raises(ValueError, match='out.partial cannot be written, '
                        'because it holds .*images'),
          whole_folder(tmp_path / 'out', [source])):
        pass
    assert source.exists()
