"""What an editable install and a wheel bring along."""
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = ('setup.py', 'pyproject.toml', 'MANIFEST.in', 'LICENSE',
         'README.md', 'model-index.yml', 'requirements', 'tools', 'configs')


@pytest.fixture
def build(tmp_path):
    """Runs a hook of setuptools on a copy of the project; gives its file."""
    for name in FILES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    (tmp_path / 'mmseg_anomaly').mkdir()
    for name in ('__init__.py', 'version.py'):
        shutil.copy(ROOT / 'mmseg_anomaly' / name, tmp_path / 'mmseg_anomaly')

    def run(hook: str, folder: Path = tmp_path) -> Path:
        code = f'from setuptools import build_meta as b; b.{hook}("out")'
        subprocess.run([sys.executable, '-c', code], cwd=folder, check=True,
                       capture_output=True)
        result, = (folder / 'out').glob('mmseg_anomaly-*')
        return result

    return run


def test_editable__links_what_mim_looks_for(build, tmp_path):
    build('build_editable')
    mim = tmp_path / 'mmseg_anomaly' / '.mim'
    (tmp_path / 'tools' / 'new.py').write_text('')
    assert (mim / 'tools' / 'new.py').is_file()
    assert (mim / 'configs' / '_base_' / 'default_runtime.py').is_file()
    assert (mim / 'model-index.yml').is_file()


def test_wheel__carries_what_mim_looks_for(build, tmp_path):
    with zipfile.ZipFile(build('build_wheel')) as wheel:
        names = wheel.namelist()
        metadata = wheel.read(next(
            name for name in names if name.endswith('/METADATA'))).decode()
    assert {f'mmseg_anomaly/.mim/{name}' for name in (
        'model-index.yml', 'tools/test.py', 'tools/dist_train.sh',
        'configs/_base_/default_runtime.py')} <= set(names)
    assert not (tmp_path / 'mmseg_anomaly' / '.mim').exists()
    required = [line for line in metadata.splitlines()
                if line.startswith('Requires-Dist') and 'extra' not in line]
    assert any('timm' in line for line in required)
    assert not any('mm' in line.replace('timm', '') for line in required)
    assert 'mmengine==0.10.7; extra == "all"' in metadata
    for extra in ('all', 'dev'):
        assert f'Provides-Extra: {extra}' in metadata


def test_sdist__holds_what_the_wheel_is_built_from(build, tmp_path):
    with zipfile.ZipFile(build('build_wheel')) as wheel:
        expected = set(wheel.namelist())
    shutil.rmtree(tmp_path / 'out')
    with tarfile.open(build('build_sdist')) as sdist:
        sdist.extractall(tmp_path / 'unpacked', filter='data')
    source, = (tmp_path / 'unpacked').iterdir()
    assert not (source / 'tests').exists()
    with zipfile.ZipFile(build('build_wheel', source)) as wheel:
        assert set(wheel.namelist()) == expected


@pytest.mark.parametrize('folder', ['configs', 'tools'])
def test_mim__finds_every_file_by_its_name_alone(folder):
    names = Counter(path.name for path in (ROOT / folder).rglob('*.py')
                    if '_base_' not in path.parts)
    assert len(names) > 5
    assert max(names.values()) == 1, names.most_common(3)


def test_tests_extra__includes_what_tests_install(build):
    """setuptools cannot read `-r` in a requirements file."""
    with zipfile.ZipFile(build('build_wheel')) as wheel:
        metadata = wheel.read(next(
            name for name in wheel.namelist()
            if name.endswith('/METADATA'))).decode()
    for name in ('pytest', 'onedl-mmpretrain', 'scikit-learn'):
        assert any(line.startswith(f'Requires-Dist: {name}==')
                   and 'extra == "tests"' in line
                   for line in metadata.splitlines())
