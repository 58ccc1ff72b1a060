"""Which checkpoint of a work dir a training goes on from."""
import pickle

import pytest
import torch

from mmseg_anomaly.engine.recovery import (
    STATE,
    announce_checkpoints,
    newest_state,
    read_state,
)


def write(path, iteration, time='20260101_000000', value=0., lost=()):
    """Write what a training would, but for what is lost."""
    checkpoint = dict(
        state_dict=dict(weight=torch.full((500, ), value)), message_hub={},
        meta=dict(iter=iteration, epoch=0, seed=iteration, time=time),
        optimizer={})
    torch.save({name: part for name, part in checkpoint.items()
                if name not in lost}, path)


def damage(path):
    """Overwrite a value in the middle of the file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[:-200])


@pytest.fixture
def work_dir(tmp_path):
    for iteration in (2, 4, 10):
        write(tmp_path / f'iter_{iteration}.pth', iteration)
    return tmp_path


@pytest.mark.parametrize('pointer', [
    None, '', '\n', '/lost/iter_99.pth', '{}/iter_4.pth', '\0'])
def test_newest__needs_no_pointer(pointer, work_dir, log):
    if pointer is not None:
        (work_dir / 'last_checkpoint').write_text(pointer.format(work_dir))
    assert newest_state(str(work_dir), STATE) == (
        str(work_dir / 'iter_10.pth'), 10, 10)
    assert log == [
        f'{work_dir}/iter_10.pth of iteration 10 is the newest whole '
        f'checkpoint of {work_dir}: training takes its weights and goes on '
        'from there.']


def test_newest__is_whole_and_says_what_is_not(work_dir, log):
    cut(work_dir / 'iter_10.pth')
    (work_dir / 'iter_12.pth').touch()
    (work_dir / 'iter_14.pth').write_text('<html>')
    (work_dir / 'iter_16.pth').symlink_to('nowhere')
    write(work_dir / 'iter_18.pth', 18, value=torch.nan)
    assert newest_state(str(work_dir), STATE).iteration == 4
    assert 'goes on from there. Not taken: ' in log[-1]
    for number, fault in ((10, 'cut off'), (12, 'empty'), (14, '<html>'),
                          (16, 'There is no'), (18, 'weight: its training')):
        assert f'iter_{number}.pth' in log[-1]
        assert fault in log[-1]


def test_newest__passes_over_a_damaged_file(work_dir, log):
    damage(work_dir / 'iter_10.pth')
    assert newest_state(str(work_dir), STATE).iteration == 4
    assert 'iter_10.pth` is damaged' in log[-1]


def test_newest__is_of_the_training_that_ran_last(work_dir):
    write(work_dir / 'epoch_3.pth', 6, time='20260102_000000')
    write(work_dir / 'iter_4.pth', 4, time='20260101_235959')
    assert newest_state(str(work_dir), STATE).iteration == 6


def test_newest__is_found_where_the_hook_writes(work_dir, tmp_path):
    elsewhere = tmp_path / 'logs'
    elsewhere.mkdir()
    (elsewhere / 'last_checkpoint').write_text(f'{work_dir}/iter_4.pth\n')
    cut(work_dir / 'iter_10.pth')
    assert newest_state(str(elsewhere), STATE).iteration == 4


def test_newest__of_a_best_checkpoint_is_its_weights(tmp_path, log):
    write(tmp_path / 'best_mIoU_iter_8.pth', 8, lost=['optimizer'])
    with pytest.raises(ValueError, match=(
            'best_mIoU_iter_8.pth` holds no optimizer, so .*by --resume-w')):
        newest_state(str(tmp_path), STATE)
    assert newest_state(str(tmp_path), []).iteration == 8
    assert 'training takes its weights, and starts at iteration 0' in log[-1]


@pytest.mark.parametrize('pointer', [None, ''])
def test_newest__of_an_empty_folder_is_none(pointer, tmp_path, log):
    if pointer is not None:
        (tmp_path / 'last_checkpoint').write_text(pointer)
    assert newest_state(str(tmp_path), STATE) is None
    assert f'There is no checkpoint in {tmp_path} to resume from' in log[-1]


def test_newest__stops_where_only_broken_files_remain(work_dir, log):
    for path in work_dir.glob('*.pth'):
        cut(path)
    with pytest.raises(ValueError, match=(
            r'has no checkpoint that a training can go on from: .*'
            r'iter_10\.pth.*iter_2\.pth.*iter_4\.pth.*by --overwrite')):
        newest_state(str(work_dir), STATE)
    assert newest_state(str(work_dir), STATE, overwrite=True) is None
    assert 'There is no whole checkpoint in' in log[-1]


def test_newest__stops_where_the_named_file_is_lost(tmp_path):
    (tmp_path / 'last_checkpoint').write_text('/lost/iter_9.pth')
    with pytest.raises(ValueError, match='There is no checkpoint `/lost/it'):
        newest_state(str(tmp_path), STATE)


@pytest.mark.parametrize('lost', STATE)
def test_read__refuses_what_holds_no_state(lost, tmp_path):
    path = tmp_path / 'iter_2.pth'
    write(path, 2, lost=[lost])
    with pytest.raises(ValueError, match=(
            rf'iter_2.pth` holds no {lost}, so .* --resume-weights-only')):
        read_state(str(path), STATE)
    assert read_state(str(path), []).path == str(path)


def test_read__refuses_weights(tmp_path):
    torch.save(dict(weight=torch.zeros(1)), tmp_path / 'converted.pth')
    with pytest.raises(ValueError, match='converted.pth` holds no meta and no '
                       'message_hub and no optimizer, so'):
        read_state(str(tmp_path / 'converted.pth'), STATE)


def test_newest__passes_over_what_would_run_code(work_dir, log):
    (work_dir / 'iter_12.pth').write_bytes(pickle.dumps(print, 2))
    assert newest_state(str(work_dir), STATE).iteration == 10
    assert 'iter_12.pth` was refused' in log[-1]


def test_announcement__names_what_will_be_replaced(work_dir, log):
    announce_checkpoints(str(work_dir))
    assert ('holds checkpoints of an earlier training (iter_10.pth, '
            'iter_2.pth, iter_4.pth): this one starts') in log[-1]


def test_announcement__is_short_and_only_where_needed(tmp_path, log):
    announce_checkpoints(str(tmp_path))
    assert not log
    for number in range(9):
        (tmp_path / f'iter_{number}.pth').touch()
    announce_checkpoints(str(tmp_path))
    assert 'iter_4.pth and 4 more)' in log[-1]
