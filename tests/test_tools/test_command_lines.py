"""How every tool ends: one line for its own errors, 2 for wrong usage."""
import re
from pathlib import Path

import pytest

from mmseg_anomaly.engine.run_tool import run_tool as run_as_program

TOOLS = Path(__file__).resolve().parents[2] / 'tools'
NAMES = sorted(
    path.relative_to(TOOLS).as_posix() for path in TOOLS.rglob('*.py')
    if "if __name__ == '__main__'" in path.read_text())
# arguments that name something that is not there, and what the error names
MISSING = {
    'analysis_tools/browse_outliers.py': 'no.py',
    'analysis_tools/choose_threshold.py': 'no.py no.pth --fpr 0.05',
    'benchmark_anomaly.py': 'no.py no.pth --data-root data',
    'dataset_converters/audit.py': 'no.py',
    'dataset_converters/coco_outliers.py': 'no -o no.pack',
    'dataset_converters/fishyscapes_static.py': 'no no --version v1 -o out',
    'dataset_converters/make_static_benchmark.py':
        '--scenes no.py --objects no.json no -o out',
    'dataset_converters/synthetic_roads.py': 'no',
    'misc/extract_head.py': 'no.pth no.safetensors',
    'misc/print_config.py': 'no.py',
    'misc/publish_model.py': 'no.py no.pth out',
    'misc/quick_start.py': '--config no.py',
    'model_converters/eomt2mmseg.py': 'no.bin no.safetensors',
    'model_converters/erfnet2mmseg.py': 'no.pth erfnet.pth',
    'model_converters/hf2mmseg.py': 'no no.safetensors',
    'model_converters/mmseg2eomt.py': 'no.pth no.bin',
    'model_converters/mmseg2hf.py': 'no.pth no',
    'test.py': 'no.py no.pth',
    'train.py': 'no.py',
}
NUMBERS = [
    ('analysis_tools/browse_outliers.py', 'num-samples', '0'),
    ('analysis_tools/browse_outliers.py', 'seed', '-1'),
    ('analysis_tools/choose_threshold.py', 'fpr', 'nan'),
    ('analysis_tools/choose_threshold.py', 'tpr', '0'),
    ('benchmark_anomaly.py', 'bootstrap', '-5'),
    ('dataset_converters/audit.py', 'max-tiles', '2.5'),
    ('dataset_converters/coco_outliers.py', 'nproc', '0'),
    ('dataset_converters/make_static_benchmark.py', 'max-objects', '1.5'),
    ('dataset_converters/make_static_benchmark.py', 'min-scale', 'a'),
    ('dataset_converters/make_static_benchmark.py', 'seed', '-1'),
    ('dataset_converters/synthetic_roads.py', 'nproc', '0'),
    ('dataset_converters/synthetic_roads.py', 'seed', '-1'),
    ('misc/quick_start.py', 'nproc', '0'),
    ('model_converters/eomt2mmseg.py', 'patch-size', '0'),
    ('model_converters/mmseg2hf.py', 'num-heads', '-2'),
    ('test.py', 'wait-time', 'inf'),
    ('train.py', 'local-rank', '-1'),
]


@pytest.fixture
def end(load_tool, monkeypatch, tmp_path, capsys):
    """Run a tool as a program; return its exit code and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(TOOLS / 'dataset_converters')

    def run(name, *argv):
        with pytest.raises(SystemExit) as caught:
            run_as_program(load_tool(name).main, argv)
        return caught.value.code, capsys.readouterr().err

    return run


def test_tools__are_all_here():
    assert set(NAMES) - {'misc/collect_env.py'} == set(MISSING)
    for name in MISSING:
        text = (TOOLS / name).read_text()
        assert '    run_tool(main)\n' in text, name
        assert 'argparse.ArgumentParser(' not in text, name
        assert not re.search(r'type=(int|float)\W', text), name


@pytest.mark.parametrize('name', MISSING)
def test_what_is_missing__is_one_line(end, tmp_path, name):
    if name == 'dataset_converters/synthetic_roads.py':
        (tmp_path / 'no').mkdir()
        (tmp_path / 'no' / 'precious').touch()
    code, err = end(name, *MISSING[name].split())
    assert code == 1, err
    assert err.startswith(f'{Path(name).name}: error: ')
    assert err.count('\n') == 1
    assert 'no' in err.split('error: ')[1]


@pytest.mark.parametrize('name', NAMES)
def test_unknown_option__is_wrong_usage(end, name):
    code, err = end(name, *MISSING.get(name, '').split(), '--no-such-option')
    assert code == 2
    assert '--no-such-option' in err.splitlines()[-1]


@pytest.mark.parametrize(('name', 'option', 'value'), NUMBERS)
def test_number__is_named_with_what_is_allowed(end, name, option, value):
    code, err = end(name, f'--{option}', value)
    assert code == 2
    assert f'--{option}' in err.splitlines()[-1]
    assert ' must ' in err and value in err.splitlines()[-1]


@pytest.mark.parametrize('name', ['eomt2mmseg', 'mmseg2hf'])
def test_ignore__must_be_a_regular_expression(end, name):
    code, err = end(f'model_converters/{name}.py', 'a', 'b', '--ignore', 'a(')
    assert code == 2
    assert "'a(' is not a regular expression" in err
