"""Write without losing what is read, or leaving half of a folder."""
import logging
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.logging import print_log

AnyPath = str | os.PathLike


def check_outputs(outputs: Iterable[AnyPath],
                  inputs: Iterable[AnyPath | None]) -> None:
    """Refuse to write over what is read, under whatever name.

    Args:
        outputs: Files or folders that will be written or replaced; those
            that do not exist yet are passed over.
        inputs: Files or folders that are read; None is passed over.

    Raises:
        ValueError: If an output is an input, by another spelling or a link
            too, or a folder that holds one; names both.
    """
    existing = [path for path in map(Path, outputs) if path.exists()]
    if not existing:
        return
    sources = [path for path in (Path(name) for name in inputs if name)
               if path.exists()]
    files = {_identity(path): path for path in sources}
    for output in existing:
        source = files.get(_identity(output))
        if source is not None:
            raise ValueError(
                f'{output} cannot be written, because it is {source}, which '
                'is read; name another output')
        if output.is_dir():
            _refuse_folder(output, sources)


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def _refuse_folder(folder: Path, sources: Iterable[Path]) -> None:
    whole = folder.resolve()
    for source in sources:
        if source.resolve().is_relative_to(whole):
            raise ValueError(
                f'{folder} cannot be written, because it holds {source}, '
                'which is read; name another output')


@contextmanager
def whole_folder(path: AnyPath,
                 inputs: Iterable[AnyPath | None] = ()) -> Iterator[Path]:
    """Fill a folder that appears when it is complete.

    Example::

        with whole_folder('out', inputs=['in']) as folder:
            (folder / 'a.txt').write_text('whole')

    Args:
        path: Folder to write; it must not exist, or be empty.
        inputs: Files or folders that are read meanwhile.

    Yields:
        An empty folder next to it, called ``<name>.partial``. What a run
        that was stopped left there is removed, and the log says so.

    Raises:
        ValueError: If that folder holds an input.
        OSError: If ``path`` is not empty.
    """
    path = Path(path).resolve()
    partial = path.with_name(f'{path.name}.partial')
    check_outputs([partial], inputs)
    if partial.exists():
        print_log(f'{partial}, which a run that was stopped has left, is '
                  'removed; this one starts over', 'current',
                  logging.WARNING)
        shutil.rmtree(partial)
    partial.mkdir(parents=True)
    yield partial
    partial.replace(path)
