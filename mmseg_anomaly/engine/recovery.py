"""Find the checkpoint that a training goes on from."""
import logging
import pickle
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.logging import print_log
from mmengine.runner import CheckpointLoader

from ..safe_loading import load_from_local

# What MMEngine restores next to the weights, and schedulers if it has any.
STATE = ('meta', 'message_hub', 'optimizer')


class TrainingState(NamedTuple):
    """What a checkpoint says about the training that wrote it."""

    path: str
    iteration: int
    seed: int | None


def read_state(path: str, needed: Collection[str]) -> TrainingState:
    """Read a checkpoint to its end.

    Args:
        path: A file or an https address.
        needed: What it must hold next to the weights.

    Raises:
        FileNotFoundError: If there is no such file.
        pickle.UnpicklingError: If it holds anything but data.
        ValueError: If it is broken, or lacks what is needed.
    """
    if '://' in path:
        checkpoint = CheckpointLoader.load_checkpoint(path, 'cpu')
    else:
        checkpoint = load_from_local(path, 'cpu', mmap=True)
    missing = [name for name in needed if name not in checkpoint]
    if missing:
        raise ValueError(
            f'`{path}` holds no {" and no ".join(missing)}, so that a '
            'training cannot go on where it was written; give a file that '
            'CheckpointHook wrote with `save_optimizer=True`, or take the '
            'weights alone, from iteration 0 on, by --resume-weights-only '
            '(`resume_weights_only=True` in the config)')
    meta = _meta_of(checkpoint)
    return TrainingState(path, meta.get('iter', 0), meta.get('seed'))


def newest_state(work_dir: str, needed: Collection[str],
                 overwrite: bool = False) -> TrainingState | None:
    """Find the newest whole checkpoint of a work dir, and log the choice.

    Files are read to their end, from the one that was written last, until
    one is whole. They are those of the work dir; if it has none, those next
    to the file that its ``last_checkpoint`` names.

    Args:
        work_dir: Folder of the training.
        needed: What a file must hold next to the weights; without any,
            training starts at iteration 0.
        overwrite: Whether to begin where only broken files remain.

    Returns:
        None if the training has to begin: the folder has no checkpoint, or
        none is whole and ``overwrite`` is True.

    Raises:
        ValueError: If there are checkpoints, and none is whole; names each
            with its fault.
    """
    files, faults = _newest_first(work_dir)
    for path in files:
        try:
            state = read_state(path, needed)
        except (OSError, ValueError, pickle.UnpicklingError) as error:
            faults.append(str(error).rstrip('.'))
            continue
        print_log(
            f'{state.path} of iteration {state.iteration} is the newest whole '
            f'checkpoint of {work_dir}: training takes its weights'
            + (' and goes on from there.' if needed
               else ', and starts at iteration 0.')
            + (f' Not taken: {"; ".join(faults)}.' if faults else ''),
            'current', logging.WARNING if faults else logging.INFO)
        return state
    if faults and not overwrite:
        raise ValueError(
            f'{work_dir} has no checkpoint that a training can go on from: '
            f'{"; ".join(faults)}. Put a whole one there, or start from the '
            'beginning and replace these by --overwrite (`overwrite=True` in '
            'the config)')
    print_log(
        f'There is no {"whole " if faults else ""}checkpoint in {work_dir} '
        'to resume from: training starts from its beginning.'
        + (f' Not taken: {"; ".join(faults)}.' if faults else ''),
        'current', logging.WARNING)
    return None


def announce_checkpoints(work_dir: str) -> None:
    """Warn of checkpoints that a training from its beginning will replace."""
    names = sorted(path.name for path in Path(work_dir).glob('*.pth'))
    if names:
        more = f' and {len(names) - 5} more' if len(names) > 5 else ''
        print_log(
            f'{work_dir} holds checkpoints of an earlier training '
            f'({", ".join(names[:5])}{more}): this one starts from its '
            'beginning and replaces those of the same name. Stop it and use '
            '--resume to go on from them, or another --work-dir to keep them.',
            'current', logging.WARNING)


def _newest_first(work_dir: str) -> tuple[list[str], list[str]]:
    """Checkpoints by the time they were written, and faults of the others."""
    written, faults = {}, []
    for path in _candidates(work_dir):
        try:
            checkpoint = load_from_local(path, 'cpu', mmap=True, verify=False)
        except (OSError, ValueError, pickle.UnpicklingError) as error:
            faults.append(str(error).rstrip('.'))
            continue
        # the time of a file itself does not survive a copy
        meta = _meta_of(checkpoint)
        written[str(path)] = (meta.get('time', ''), meta.get('iter', 0),
                              len(path.name), path.name)
    return sorted(written, key=written.get, reverse=True), faults


def _candidates(work_dir: str) -> list[Path]:
    files = sorted(Path(work_dir).glob('*.pth'))
    pointer = Path(work_dir, 'last_checkpoint')
    if files or not pointer.is_file():
        return files
    named = pointer.read_text(errors='replace').strip()
    if not named:
        return []
    # elsewhere by `out_dir` of CheckpointHook; a lost one is a fault
    return sorted(Path(named).parent.glob('*.pth')) or [Path(named)]


def _meta_of(checkpoint: Any) -> Mapping[str, Any]:
    meta = checkpoint.get('meta') if isinstance(checkpoint, Mapping) else None
    return meta if isinstance(meta, Mapping) else {}
