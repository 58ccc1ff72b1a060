"""What tools/misc/collect_env.py tells of this and of other machines."""
import sys
from importlib import metadata
from pathlib import Path

import pytest

import mmseg_anomaly


@pytest.fixture
def tool(load_tool):
    return load_tool('misc/collect_env.py')


def test_collect_env__tells_what_is_installed(start_tool):
    process = start_tool('misc/collect_env.py')
    lines = process.communicate()[0].splitlines()
    assert process.returncode == 0
    assert f'timm: timm {metadata.version("timm")}' in lines
    folder = Path(mmseg_anomaly.__file__).parent
    assert f'mmseg_anomaly: {mmseg_anomaly.__version__}, {folder}' in lines
    assert any(line.startswith('CUDA available: ') for line in lines)


def test_library_version__names_twins_and_absent_ones(tool, monkeypatch):
    versions = {'mmcv': '2.2.0', 'mmcv-lite': '2.1.0'}

    def version(name):
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(metadata, 'version', version)
    assert tool.library_version(
        tool.LIBRARIES['mmcv']) == 'mmcv 2.2.0, mmcv-lite 2.1.0'
    assert tool.library_version(('timm', )) == 'not installed'


@pytest.mark.parametrize(('info', 'expected'), [
    ('processor : 0\nflags\t\t: fpu avx2 avx512f amx_tile\n\nprocessor : 1\n',
     'avx2, avx512f, no avx512_bf16, amx_tile, no amx_bf16'),
    ('', 'unknown')])
def test_cpu_flags__tells_what_bfloat16_rests_on(tool, info, expected):
    assert tool.cpu_flags(info) == expected


def test_plugin_state__repeats_why_it_cannot_be_imported(tool, monkeypatch):
    monkeypatch.setitem(sys.modules, 'mmseg_anomaly', None)
    assert tool.plugin_state().startswith('cannot be imported: import of '
                                          'mmseg_anomaly halted')
