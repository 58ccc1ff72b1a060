"""Which rooms of the package may import which: docs/architecture.md."""
import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / 'mmseg_anomaly'
DOCS = ROOT / 'docs' / 'architecture.md'


def rooms() -> dict[str, set[str]]:
    """Room -> rooms it may import, as the table of the docs has it."""
    allowed = {}
    for line in DOCS.read_text().splitlines():
        cells = [cell.strip() for cell in line.split('|')[1:-1]]
        if len(cells) == 3 and cells[0].startswith('`'):
            for room in re.findall(r'`([^`]+)`', cells[0]):
                allowed[room] = set(re.findall(r'`([^`]+)`', cells[2]))
    return allowed


def room_of(module: str, names: dict) -> str:
    """The most specific room that holds a module (dotted, below us)."""
    path = module.replace('.', '/')
    fitting = [name for name in names if path == name.removesuffix('.py')
               or (name.endswith('/') and f'{path}/'.startswith(name))]
    return max(fitting, key=len, default='')


def imports(path: Path) -> Iterator[str]:
    """Absolute names of what a file imports."""
    package = ['mmseg_anomaly', *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[:len(package) + 1 - node.level]
            module = '.'.join([*(base if node.level else []),
                               *filter(None, [node.module])])
            yield module
            yield from (f'{module}.{alias.name}' for alias in node.names)


def modules() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob('*.py'))
            if '.mim' not in path.parts
            and path.relative_to(PACKAGE).as_posix() != '__init__.py']


def edges() -> set[tuple[str, str, str]]:
    """(room, imported room, file)."""
    names = rooms()
    found = set()
    for path in modules():
        relative = path.relative_to(PACKAGE)
        own = room_of('.'.join(relative.with_suffix('').parts), names)
        for name in imports(path):
            head, _, module = name.partition('.')
            other = room_of(module, names) if head == 'mmseg_anomaly' else ''
            if other and other != own:
                found.add((own, other, relative.as_posix()))
    return found


def test_rooms__hold_every_module():
    names = rooms()
    assert len(names) > 10
    homeless = [path.name for path in modules() if not room_of('.'.join(
        path.relative_to(PACKAGE).with_suffix('').parts), names)]
    assert homeless == []
    for name in names:
        assert (PACKAGE / name).exists(), name


def test_imports__follow_the_arrows_of_the_docs():
    allowed = rooms()
    forbidden = sorted(edge for edge in edges()
                       if edge[1] not in allowed[edge[0]])
    assert forbidden == []


def test_docs__allow_no_arrow_that_nobody_needs():
    needed = {(room, other) for room, other, _ in edges()}
    unused = sorted((room, other) for room, others in rooms().items()
                    for other in others if (room, other) not in needed)
    assert unused == []


def test_arrows__form_no_circle_between_folders():
    """Parts of one folder, such as models/, may know each other."""
    below = {}
    for room, other, _ in edges():
        ends = room.split('/')[0], other.split('/')[0]
        if ends[0] != ends[1]:
            below.setdefault(ends[0], set()).add(ends[1])
    while below:
        leaves = {other for others in below.values() for other in others
                  if other not in below}
        assert leaves, f'a circle among {sorted(below)}'
        below = {room: others - leaves for room, others in below.items()
                 if others - leaves}


@pytest.mark.parametrize('library', ['torch', 'mmengine', 'mmseg', 'mmcv'])
def test_pixels__need_numpy_alone(library):
    for path in (PACKAGE / 'evaluation' / 'pixels').glob('*.py'):
        assert library not in {name.partition('.')[0]
                               for name in imports(path)}


def test_datasets_and_models__never_meet():
    met = [edge for edge in edges() if {
        edge[0].split('/')[0], edge[1].split('/')[0]
    } == {'datasets', 'models'}]
    assert met == []


def test_package__imports_no_tool_and_no_config():
    for path in modules():
        assert not {'tools', 'configs', 'tests'} & {
            name.partition('.')[0] for name in imports(path)}
