"""What an editable install and a wheel bring along."""
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = ('setup.py', 'pyproject.toml', 'MANIFEST.in', 'LICENSE',
         'model-index.yml', 'requirements', 'tools', 'configs')


@pytest.fixture
def build(tmp_path):
    """Runs a hook of setuptools on a copy of the project."""
    for name in FILES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    (tmp_path / 'mmseg_anomaly').mkdir()
    for name in ('__init__.py', 'version.py'):
        shutil.copy(ROOT / 'mmseg_anomaly' / name, tmp_path / 'mmseg_anomaly')

    def run(hook: str) -> zipfile.ZipFile:
        code = f'from setuptools import build_meta as b; b.{hook}("out")'
        subprocess.run([sys.executable, '-c', code], cwd=tmp_path, check=True,
                       capture_output=True)
        wheel, = (tmp_path / 'out').glob('mmseg_anomaly-*.whl')
        return zipfile.ZipFile(wheel)

    return run


def test_editable__links_what_mim_looks_for(build, tmp_path):
    build('build_editable')
    mim = tmp_path / 'mmseg_anomaly' / '.mim'
    (tmp_path / 'tools' / 'new.py').write_text('')
    assert (mim / 'tools' / 'new.py').is_file()
    assert (mim / 'configs' / '_base_' / 'default_runtime.py').is_file()
    assert (mim / 'model-index.yml').is_file()


def test_wheel__carries_what_mim_looks_for(build, tmp_path):
    with build('build_wheel') as wheel:
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
