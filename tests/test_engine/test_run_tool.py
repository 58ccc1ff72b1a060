"""Tests of mmseg_anomaly.engine.run_tool."""
import errno
import pickle
from pathlib import Path

import pytest
from mmengine.registry import Registry
from mmseg.registry import MODELS, TRANSFORMS
from torch.utils.data import DataLoader

from mmseg_anomaly.checks import check_number
from mmseg_anomaly.engine.run_tool import (
    PACKAGE,
    ToolParser,
    run_tool,
    sentence_of,
)

HERE = Path(__file__).resolve().parent


def ends_with(main, *argv):
    with pytest.raises(SystemExit) as end:
        run_tool(main, list(argv))
    return end.value.code


class Failing:
    """A dataset of which every item fails in its own way."""

    def __init__(self, fail):
        self.fail = fail

    def __len__(self):
        return 1

    def __getitem__(self, index):
        self.fail()


def refuse():
    check_number('temperature', 'a', above=0)


def refuse_key():
    raise KeyError('`a.png` has no\nlabel')


def miss_file():
    Path('/nowhere/a.png').read_text()


def stumble():
    return [][0]


@pytest.mark.parametrize(('fail', 'line'), [
    (refuse, "`temperature` must be a positive number, got 'a'"),
    (refuse_key, '`a.png` has no label'),
    (miss_file, '/nowhere/a.png: No such file or directory'),
])
def test_run_tool__own_error_is_one_line(capsys, fail, line):
    assert ends_with(lambda argv: fail()) == 1
    assert capsys.readouterr().err == f'test_run_tool.py: error: {line}\n'


def test_run_tool__bug_keeps_its_traceback(capsys):
    with pytest.raises(IndexError):
        run_tool(lambda argv: stumble(), [])
    assert capsys.readouterr().err == ''


@pytest.mark.parametrize('fail', [refuse, refuse_key, miss_file])
def test_run_tool__debug_shows_the_traceback(fail):
    with pytest.raises((TypeError, KeyError, OSError)):
        run_tool(lambda argv: fail(), ['--debug'])


def test_run_tool__interruption(capsys):
    def main(argv):
        raise KeyboardInterrupt

    assert ends_with(main) == 130
    assert capsys.readouterr().err == 'test_run_tool.py: interrupted\n'


@pytest.mark.parametrize('code', [None, 0, 1])
def test_run_tool__hands_on_the_code_and_the_arguments(code):
    seen = []
    assert ends_with(lambda argv: seen.append(argv) or code, 'a') == code
    assert seen == [['a']]


def test_tool_parser__usage_error_is_two(capsys):
    parser = ToolParser()
    parser.add_argument('--nproc', type=int)
    assert parser.parse_args(['--debug']).debug
    assert ends_with(lambda argv: parser.parse_args(argv), '--nproc', 'a') == 2
    assert '--nproc' in capsys.readouterr().err


@pytest.mark.parametrize(('fail', 'line'), [
    (refuse, "`temperature` must be a positive number, got 'a'"),
    (refuse_key, '`a.png` has no label'),
    (miss_file, "No such file or directory: '/nowhere/a.png'"),
    (stumble, None),
])
def test_sentence_of__what_a_worker_of_a_loader_raised(fail, line):
    loader = DataLoader(Failing(fail), num_workers=1)
    with pytest.raises(Exception) as caught:  # noqa: PT011
        next(iter(loader))
    sentence = sentence_of(caught.value, (PACKAGE, HERE))
    assert (sentence is None) == (line is None)
    assert line is None or sentence.endswith(line)


def test_sentence_of__a_part_that_the_config_names():
    registry = Registry('part', scope='mmseg_anomaly_test')
    with pytest.raises(KeyError) as unknown:
        registry.build(dict(type='EIMLos'))
    assert 'EIMLos is not in' in sentence_of(unknown.value, (PACKAGE, ))
    with pytest.raises(TypeError) as mistyped:
        MODELS.build(dict(type='EIMLoss', temprature=1))
    assert "unexpected keyword argument 'temprature'" in sentence_of(
        mistyped.value, (PACKAGE, ))


def test_sentence_of__a_type_error_that_a_hook_raised():
    from mmengine.runner import Runner

    class Hook:
        def before_run(self, runner):
            refuse()

    runner = object.__new__(Runner)
    runner._hooks = [Hook()]
    with pytest.raises(TypeError) as caught:
        runner.call_hook('before_run')
    assert sentence_of(caught.value, (PACKAGE, HERE)).startswith(
        '`temperature` must be a positive number')


@pytest.mark.parametrize('error', [
    pickle.UnpicklingError('x'), OSError(errno.EPIPE, 'pipe'), ValueError('x')
])
def test_sentence_of__errors_of_others(error):
    def others():
        raise error

    with pytest.raises(type(error)) as caught:
        others()
    assert sentence_of(caught.value, (PACKAGE, )) is None
    assert sentence_of(caught.value, (PACKAGE, HERE)) is not None


def test_sentence_of__full_memory_names_the_remedy():
    class OutOfMemoryError(RuntimeError):
        pass

    with pytest.raises(OutOfMemoryError) as caught:
        raise OutOfMemoryError('CUDA out of memory. Tried to allocate 2 GiB')
    assert sentence_of(caught.value, (PACKAGE, )).startswith(
        'the memory of the accelerator is full; lower the batch size')


@pytest.mark.parametrize(('step', 'message'), [
    (dict(type='RandomCrop', crop_size=[96, 96]), 'crop_size'),
    (dict(type='RandomFlip', prob=2), 'prob')])
def test_value__that_another_library_refuses_is_one_line(step, message):
    with pytest.raises((AssertionError, ValueError)) as caught:
        TRANSFORMS.build(step)
    sentence = sentence_of(caught.value, (PACKAGE,))
    assert sentence.startswith('a part of the config cannot be built: ')
    assert message in sentence
