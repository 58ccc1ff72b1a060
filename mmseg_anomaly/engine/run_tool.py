"""Run a tool as a program: its own errors are one line on stderr.

Exit codes: 1 for an error that the project states, 2 for a wrong command
line, 130 for an interruption. An error is the project's if a ``raise`` of its
own code made it, if a file of the user cannot be opened, or if ``KNOWN``
lists it; everything else is a bug and keeps its traceback, as every error
does with ``--debug``.
"""
import ast
import logging
import re
import sys
import traceback
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from mmengine.logging import print_log

Main = Callable[[Sequence[str] | None], int | None]

PACKAGE = Path(__file__).resolve().parents[1]

# kind, what it contains, what the user can do
KNOWN = (
    ('FileNotFoundError', 'file "',
     'a config that the command line or `_base_` names is missing'),
    ('OutOfMemoryError', '',
     'the memory of the accelerator is full; lower the batch size or '
     '`window_batch_size`, take a smaller model, or add --amp'),
    ('RuntimeError', 'exited unexpectedly',
     'a process that loads data was killed, perhaps for want of memory; '
     'lower `num_workers`'),
    ('RuntimeError', 'is killed by signal',
     'a process that loads data was killed, perhaps for want of memory; '
     'lower `num_workers`'),
)
_BUILDER = 'build_functions.py'  # where MMEngine builds the parts of a config
_WORKER_FRAME = re.compile(r'^  File "(.+)", line \d+, in (.+)\n    (.+)\n',
                           re.MULTILINE)


class Frame(NamedTuple):
    """A place in a traceback."""

    filename: str
    function: str
    line: str


class ToolParser(ArgumentParser):
    """argparse's parser, with ``--debug``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.add_argument(
            '--debug', action='store_true',
            help='show the traceback of an error')

    def error(self, message: str) -> NoReturn:
        """End the process; '--nproc must be', not 'argument --nproc: '."""
        super().error(re.sub('^argument (.+?): must', r'\1 must', message))


def run_tool(main: Main, argv: Sequence[str] | None = None) -> NoReturn:
    """Run the ``main`` of a tool and end the process.

    Args:
        main: Takes the arguments, None for those of the process; returns the
            exit code, None for 0.
        argv: The arguments, None for those of the process.

    Raises:
        SystemExit: Always, unless a bug or ``--debug`` shows a traceback.
    """
    debug = '--debug' in (sys.argv[1:] if argv is None else argv)
    tool = Path(main.__code__.co_filename)
    try:
        code = main(argv)
    except KeyboardInterrupt:
        if debug:
            raise
        _end(tool, 'interrupted', 130)
    except Exception as error:
        sentence = sentence_of(error, (PACKAGE, tool.resolve().parent))
        if debug or sentence is None:
            raise
        _end(tool, f'error: {sentence}', 1)
    sys.exit(code)


def _end(tool: Path, line: str, code: int) -> NoReturn:
    sys.stdout.flush()  # what was logged comes first
    sys.stderr.write(f'{tool.name}: {line}\n')
    sys.exit(code)


class StatedError(Exception):
    """A part of a run failed; the message is one line for users."""


@contextmanager
def stated_errors() -> Iterator[None]:
    """State any error in one line, a bug after its traceback in the log.

    Raises:
        StatedError: In the place of the error.
    """
    try:
        yield
    except Exception as error:
        sentence = sentence_of(error, (PACKAGE, PACKAGE.parent / 'tools'))
        if sentence is None:
            print_log(traceback.format_exc(), 'current', logging.ERROR)
            sentence = _one_line(f'{type(error).__name__}: {error}')
        raise StatedError(sentence) from error


def sentence_of(error: Exception, own: Sequence[Path]) -> str | None:
    """Return one line to show for an error, None for a bug.

    Args:
        error: As it was caught, with its traceback.
        own: Folders of the code whose ``raise`` is meant for users.
    """
    frames, message = _origin(error)
    inner = frames[-1]
    if inner.function == 'call_hook' and error.__context__ is not None:
        # MMEngine raises the TypeError of a hook again
        return sentence_of(error.__context__, own)
    if inner.line.startswith('raise') and any(
            Path(inner.filename).resolve().is_relative_to(folder)
            for folder in own):
        return _one_line(message)
    if isinstance(error, OSError) and error.filename is not None:
        return f'{error.filename}: {error.strerror}'
    if isinstance(error, OSError) and _is_of_worker(error):
        return _one_line(message)
    for kind, part, remedy in KNOWN:
        if type(error).__name__ == kind and part in message:
            return f'{remedy} ({_one_line(message)})'
    if _is_of_config(error, frames, message):
        return f'a part of the config cannot be built: {_one_line(message)}'
    return None


def _origin(error: Exception) -> tuple[list[Frame], str]:
    """Return where an error was raised, outermost first, and its message.

    What a worker of a data loader raised comes as text.
    """
    message = str(error.args[0] if isinstance(error, KeyError)
                  and error.args else error)
    if _is_of_worker(error):
        found = list(_WORKER_FRAME.finditer(message))
        tail = re.sub(r'^[ ^~]+\n', '', message[found[-1].end():])
        _, _, message = tail.partition(': ')
        if isinstance(error, KeyError):  # whose text is a repr
            message = ast.literal_eval(message.strip())
        return [Frame(*match.groups()) for match in found], message
    frames = [Frame(frame.filename, frame.name, frame.line or '')
              for frame in traceback.extract_tb(error.__traceback__)]
    return frames, message


def _is_of_worker(error: Exception) -> bool:
    text = str(error)
    return text.startswith('Caught ') and bool(_WORKER_FRAME.search(text))


def _is_of_config(error: Exception, frames: Sequence[Frame],
                  message: str) -> bool:
    """Return whether a config names a part or an argument there is not."""
    builders = [number for number, frame in enumerate(frames)
                if Path(frame.filename).name == _BUILDER]
    if not builders:
        return False
    if isinstance(error, KeyError):
        return builders[-1] == len(frames) - 1
    inside = frames[builders[-1] + 1:]
    if any(frame.function != '__init__' for frame in inside):
        return False
    if isinstance(error, TypeError) and re.search(
            'unexpected keyword|missing .* required', message):
        return True
    # a class of another library refuses a value, in words
    return (isinstance(error, AssertionError | TypeError | ValueError)
            and bool(message and inside)
            and not Path(inside[-1].filename).is_relative_to(PACKAGE)
            and (isinstance(error, AssertionError)
                 or inside[-1].line.startswith('raise')))


def _one_line(text: str) -> str:
    return ' '.join(text.split())
