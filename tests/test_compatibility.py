"""The version gate, with made-up versions."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmseg_anomaly._compatibility import (
    REQUIREMENTS,
    find_problem,
    operators_problem,
)

SUPPORTED = {
    'torch': '2.14.1+cpu', 'mmengine': '0.10.7', 'mmcv-lite': '2.1.0',
    'onedl-mmsegmentation': '1.4.2', 'timm': '1.0.31', 'numpy': '1.26.0'}


def problem(**changes: str | None) -> str | None:
    versions = SUPPORTED | {
        name.replace('_', '-'): version for name, version in changes.items()}
    return find_problem(versions.get)


@pytest.mark.parametrize('changes', [
    {},
    {'mmcv_lite': None, 'mmcv': '2.2.0'},
    {'mmengine': None, 'onedl_mmengine': '0.10.10'},
    {'onedl_mmsegmentation': None, 'mmsegmentation': '1.2.2',
     'mmcv_lite': None, 'mmcv': '2.1.0'},
    {'torch': '2.9.0.dev20250901+cu130'},
    {'onedl_mmpretrain': '1.3.6', 'transformers': '4.57.6'},
    {'onedl_mmpretrain': '1.3.6'},
    {'transformers': '5.0.0'},
])
def test_supported_versions__pass(changes):
    assert problem(**changes) is None


@pytest.mark.parametrize(('changes', 'sentence'), [
    ({'mmcv_lite': None},
     'mmseg_anomaly needs mmcv >=2.0.0,<2.4, but it is not installed: '
     'run `pip install mmcv-lite==2.1.0`.'),
    ({'mmcv_lite': '1.7.2'},
     'mmseg_anomaly needs mmcv >=2.0.0,<2.4, got mmcv-lite 1.7.2: '
     'run `pip install mmcv-lite==2.1.0`.'),
    ({'mmengine': '0.9.1'},
     'mmseg_anomaly needs mmengine >=0.10.4,<0.11, got mmengine 0.9.1: '
     'run `pip install mmengine==0.10.7`.'),
    ({'mmengine': '0.11.0rc1'},
     'mmseg_anomaly needs mmengine >=0.10.4,<0.11, got mmengine 0.11.0rc1: '
     'run `pip install mmengine==0.10.7`.'),
    ({'onedl_mmsegmentation': None},
     'mmseg_anomaly needs mmsegmentation >=1.2.2,<1.5, but it is not '
     'installed: run `pip install onedl-mmsegmentation==1.4.2`.'),
    ({'onedl_mmsegmentation': None, 'mmsegmentation': '0.30.0'},
     'mmseg_anomaly needs mmsegmentation >=1.2.2,<1.5, got mmsegmentation '
     '0.30.0: run `pip install onedl-mmsegmentation==1.4.2`.'),
    ({'onedl_mmsegmentation': None, 'mmsegmentation': '1.2.2',
      'mmcv_lite': None, 'mmcv': '2.2.0'},
     'mmsegmentation 1.2.2 needs mmcv >=2.0.0,<2.2, got mmcv 2.2.0: run '
     '`pip install mmcv==2.1.0` or, with mmcv-lite, `pip uninstall '
     'mmsegmentation` and `pip install onedl-mmsegmentation==1.4.2`.'),
    ({'onedl_mmsegmentation': None, 'mmsegmentation': '1.2.2'},
     'mmsegmentation 1.2.2 needs mmcv >=2.0.0,<2.2, but it is not installed: '
     'run `pip install mmcv==2.1.0` or, with mmcv-lite, `pip uninstall '
     'mmsegmentation` and `pip install onedl-mmsegmentation==1.4.2`.'),
    ({'timm': None},
     'mmseg_anomaly needs timm >=1.0.31,<2, but it is not installed: '
     'run `pip install timm==1.0.31`.'),
    ({'timm': '0.9.16'},
     'mmseg_anomaly needs timm >=1.0.31,<2, got timm 0.9.16: '
     'run `pip install timm==1.0.31`.'),
    ({'numpy': '1.25.2'},
     'mmseg_anomaly needs numpy >=1.26, got numpy 1.25.2: '
     'run `pip install "numpy>=1.26"`.'),
    ({'torch': '2.5.1'},
     'mmseg_anomaly needs torch >=2.6, got torch 2.5.1: '
     'run `pip install torch==2.14.1`.'),
    ({'mmengine': 'unknown'},
     'mmseg_anomaly needs mmengine >=0.10.4,<0.11, got mmengine unknown: '
     'run `pip install mmengine==0.10.7`.'),
    ({'mmpretrain': '1.2.0', 'transformers': '5.0.1'},
     'mmpretrain needs transformers <5, got transformers 5.0.1: run '
     '`pip install "transformers<5"`, or uninstall mmpretrain, which '
     'mmseg_anomaly does not need.'),
])
def test_unsupported_versions__give_one_sentence(changes, sentence):
    assert problem(**changes) == sentence


FULL = {'torch': '2.14.1', 'mmcv': '2.1.0', 'mmsegmentation': '1.2.2'}
BUILD = ('run `pip install --force-reinstall --no-deps --no-cache-dir '
         '--no-build-isolation mmcv==2.1.0`')


@pytest.mark.parametrize(('versions', 'error', 'sentence'), [
    ({'mmcv-lite': '2.1.0'}, ImportError('not asked for'), None),
    (FULL, None, None),
    ({'mmcv': '2.1.0', 'onedl-mmsegmentation': '1.4.2'},
     ModuleNotFoundError('mmcv._ext'), None),
    (FULL, ModuleNotFoundError('mmcv._ext'),
     'mmsegmentation 1.2.2 needs the compiled operators of mmcv, and mmcv '
     f'2.1.0 was built without them: {BUILD} without MMCV_WITH_OPS=0.'),
    (FULL, ImportError('undefined symbol: _ZN3c10'),
     'The operators of mmcv 2.1.0 do not fit torch 2.14.1 (undefined symbol: '
     f'_ZN3c10): build them for it, {BUILD}, or go back to the torch they '
     'were built for.'),
])
def test_operators__are_those_of_this_torch(versions, error, sentence):
    def importer(name):
        if name == 'mmcv._ext' and error:
            raise error

    assert operators_problem(versions.get, importer) == sentence


def test_requirements__are_those_of_the_package():
    project = (Path(__file__).parents[1] / 'pyproject.toml').read_text()
    versions = {r.distributions[0]: r.versions for r in REQUIREMENTS}
    for name in ('numpy', 'timm', 'torch'):
        assert f'"{name}{versions[name]}"' in project


def test_import__stops_before_a_library_that_cannot_be_imported(tmp_path):
    (tmp_path / 'mmcv').mkdir()
    (tmp_path / 'mmcv' / '__init__.py').write_text('1 / 0')
    metadata = tmp_path / 'mmcv-1.7.2.dist-info' / 'METADATA'
    metadata.parent.mkdir()
    metadata.write_text('Metadata-Version: 2.1\nName: mmcv\nVersion: 1.7.2\n')
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[1])])

    result = subprocess.run(
        [sys.executable, '-c', 'import mmseg_anomaly'], text=True,
        capture_output=True, env=dict(os.environ, PYTHONPATH=path))

    last_line = result.stderr.strip().splitlines()[-1]
    assert last_line == (
        'ImportError: mmseg_anomaly needs mmcv >=2.0.0,<2.4, got mmcv '
        '1.7.2: run `pip install mmcv-lite==2.1.0`.')
