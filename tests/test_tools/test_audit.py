"""The audit finds what makes numbers wrong, and then exits with 1."""
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.registry import DefaultScope
from PIL import Image

CONFIGS = Path(__file__).resolve().parents[2] / 'configs' / 'benchmarks'
LABEL = np.uint8([[0, 0, 0, 0, 0, 0], [0, 0, 1, 1, 255, 255]]).repeat(4, 0)
# Of LostAndFound's test folder, by position.
UNLABELLED = (17, 37, 55, 72, 91, 110, 129, 153, 174, 197, 218, 353, 490,
              618, 686, 792, 793)


@pytest.fixture
def write(tmp_path):
    """Return a function that writes an image and its label."""

    def write_frame(name, label=LABEL, size_wh=None):
        for part in ('images', 'labels_masks'):
            (tmp_path / 'data' / part).mkdir(parents=True, exist_ok=True)
        label = np.asarray(label, np.uint8)
        Image.new('RGB', size_wh or label.shape[::-1], 'green').save(
            tmp_path / 'data' / 'images' / f'{name}.png')
        Image.fromarray(label).save(
            tmp_path / 'data' / 'labels_masks' / f'{name}.png')

    return write_frame


@pytest.fixture
def audit(load_tool, tmp_path, capsys):
    """Return a function that audits and gives exit code, text and sheet."""
    tool = load_tool('dataset_converters/audit.py')

    def run(config='road_anomaly21', *options):
        code = tool.main([
            str(CONFIGS / f'{config}.py'), '-o', str(tmp_path / 'out'),
            '--cfg-options',
            f'test_dataloader.dataset.data_root={tmp_path / "data"}', *options
        ])
        text = (tmp_path / 'out' / 'audit.txt').read_text()
        assert text in capsys.readouterr().out
        return code, text, cv2.imread(
            str(tmp_path / 'out' / 'contact_sheet.jpg'))

    yield run
    DefaultScope._instance_dict.clear()  # the tool opens mmseg's


def rows(text):
    """Return the cells of the tables, keyed by the first."""
    lines = [line.strip('| \n').split('|') for line in text.splitlines()
             if line.startswith('|')]
    return {line[0].strip(): [cell.strip() for cell in line[1:]]
            for line in lines}


@pytest.fixture
def ten_images(write):
    for index in range(10):
        write(str(index))


def test_sound_set__counts_every_pixel(ten_images, audit):
    code, text, _ = audit()
    table = rows(text)
    assert code == 0
    assert text.splitlines()[-1] == 'nothing is doubtful'
    assert table['images expected'] == table['images found'] == ['10']
    assert table['size'] == ['6x8 (w x h): 10']
    assert table['0'] == ['253', 'normal', '320', '10']
    assert table['1'] == ['254', 'anomaly', '80', '10']
    assert table['255'] == ['255', 'void', '80', '10']
    assert table['anomaly pixels'] == ['80 (16.667%)']


def test_contact_sheet__tints_anomalies_and_darkens_void(ten_images, audit):
    _, _, sheet = audit()
    assert sheet.shape == (2 * 200, 5 * 320, 3)
    for row, column, bgr in ((40, 100, (0, 128, 0)), (135, 160, (0, 64, 127)),
                             (135, 270, (0, 42, 0))):
        assert np.abs(sheet[row, column].astype(int) - bgr).max() < 12


def test_missing_images__are_doubtful(write, audit):
    write('0')
    code, text, _ = audit()
    assert code == 1
    assert ("DOUBT: the set is partial: split 'validation' has 10 images, "
            'found 1') in text


@pytest.mark.parametrize('value', [0, 255])
def test_dummy_label__is_doubtful(ten_images, write, audit, value):
    write('4', np.full((8, 6), value))
    code, text, _ = audit()
    assert code == 1
    assert f'DOUBT: 4.png is {value} everywhere: not labelled' in text
    assert 'DOUBT: 0 of its images have no anomaly, found 1: 4.png' in text
    assert rows(text)['labels of one value'] == ['1  4.png']


def test_unknown_raw_id__is_doubtful(ten_images, write, audit):
    write('4', [[0, 1, 2]])
    code, text, _ = audit()
    assert code == 1
    assert 'DOUBT: 4.png holds the raw ids [2], which mean nothing' in text
    assert rows(text)['2'][1] == 'nothing'


def test_sizes_that_differ__are_doubtful(ten_images, write, audit):
    write('4', size_wh=(3, 4))
    code, text, _ = audit()
    assert code == 1
    assert 'DOUBT: 4.png is (3, 4) (w, h), its label (6, 8)' in text


@pytest.mark.parametrize('part', ['images', 'labels_masks'])
def test_broken_file__does_not_stop_the_audit(ten_images, audit, tmp_path,
                                              part):
    path = tmp_path / 'data' / part / '4.png'
    path.write_bytes(path.read_bytes()[:40])
    code, text, sheet = audit()
    assert code == 1
    assert str(path) in next(line for line in text.splitlines()
                             if line.startswith('DOUBT'))
    assert sheet is not None


def test_missing_label_files__are_counted_and_doubtful(
        ten_images, audit, tmp_path):
    for name in ('4', '7'):
        (tmp_path / f'data/labels_masks/{name}.png').unlink()
    code, text, sheet = audit()
    assert code == 1
    table = rows(text)
    assert table['images found'] == ['10']
    assert table['without label file'] == ['2  4.png, 7.png']
    assert table['anomaly pixels'] == ['64 (16.667%)']
    doubts = [line for line in text.splitlines() if 'DOUBT' in line]
    for line, name in zip(doubts, ('4.png', '7.png'), strict=True):
        path = tmp_path / 'data' / 'labels_masks' / name
        assert line == (
            f'DOUBT: {name} is unlabelled: there is no file {path}')
    assert sheet.shape == (2 * 200, 5 * 320, 3)


@pytest.fixture
def lost_and_found(tmp_path, write):
    """All 1203 frames of the test folder, 17 of them without a label."""
    write('labelled', LABEL + 1)
    write('void', np.zeros_like(LABEL))
    folders = [tmp_path / 'data' / part / 'test' / '04_A'
               for part in ('leftImg8bit', 'gtCoarse')]
    for folder in folders:
        folder.mkdir(parents=True)
    for index in range(1203):
        kind = 'void' if index in UNLABELLED else 'labelled'
        for source, folder, end in (
                ('images', folders[0], 'leftImg8bit'),
                ('labels_masks', folders[1], 'gtCoarse_labelIds')):
            os.link(tmp_path / f'data/{source}/{kind}.png',
                    folder / f'04_A_000000_{index:06}_{end}.png')
    return folders


def test_frames_unlabelled_by_design__are_expected(lost_and_found, audit):
    code, text, _ = audit('lost_and_found',
                          'test_dataloader.dataset.split=test')
    assert (code, text.splitlines()[-1]) == (0, 'nothing is doubtful')
    assert rows(text)['labels of one value'][0].startswith('17  04_A')


def test_other_unlabelled_frames__are_doubtful(
        lost_and_found, audit, tmp_path):
    path = lost_and_found[1] / '04_A_000000_000018_gtCoarse_labelIds.png'
    path.unlink()
    os.link(tmp_path / 'data/labels_masks/void.png', path)
    code, text, _ = audit('lost_and_found',
                          'test_dataloader.dataset.split=test')
    assert code == 1
    assert text.count('everywhere') == 1
    assert '04_A_000000_000018_leftImg8bit.png is 0 everywhere' in text


def test_inverted_labels__are_doubtful(write, audit):
    for index in range(10):
        write(str(index), [[1, 1, 1, 0]])
    code, text, _ = audit()
    assert code == 1
    assert 'most pixels are anomalies' in text


def test_set_without_anomalies__is_doubtful(write, audit):
    for index in range(30):
        write(str(index), [[0, 255]])
    code, text, _ = audit('fishyscapes_static',
                          'test_dataloader.dataset.version=v1')
    assert code == 1
    assert 'DOUBT: no image has an anomaly' in text


def test_unknown_version__is_doubtful(write, audit):
    for index in range(30):
        write(str(index))
    code, text, _ = audit('fishyscapes_static')
    assert code == 1
    assert 'DOUBT: which of its versions' in text
    assert audit('fishyscapes_static',
                 'test_dataloader.dataset.version=v1')[0] == 0


@pytest.fixture
def own_config(tmp_path, write):
    """A config of MMSeg's own dataset class, of two classes."""
    write('a', [[0, 1, 255, 254]])
    config = tmp_path / 'own.py'
    config.write_text(f"""
test_dataloader = dict(dataset=dict(
    type='BaseSegDataset', data_root='{tmp_path / 'data'}', pipeline=[],
    metainfo=dict(classes=('road', 'sky')), img_suffix='.png',
    data_prefix=dict(img_path='images', seg_map_path='labels_masks')))
""")
    return config


def test_any_dataset__is_audited(load_tool, own_config, write, tmp_path):
    tool = load_tool('dataset_converters/audit.py')
    out = tmp_path / 'out'
    assert tool.main([str(own_config), '-o', str(out)]) == 0
    assert rows((out / 'audit.txt').read_text())['1'] == [
        '1', 'class', '1', '1']
    write('b', [[0, 2, 254]])
    assert tool.main([str(own_config), '-o', str(out)]) == 1
    assert 'b.png holds the raw ids [2]' in (out / 'audit.txt').read_text()
    DefaultScope._instance_dict.clear()


def test_sheet__shows_doubtful_images_first(ten_images, write, load_tool):
    tool = load_tool('dataset_converters/audit.py')
    audits = [tool.SampleAudit(dict(img_path=f'{index}.png'))
              for index in range(9)]
    audits[7].doubts.append('broken')
    sheet = tool.contact_sheet(audits, max_tiles=3)
    captions = np.split(sheet[180:], 3, axis=1)
    is_red = [bool((x[..., 2].astype(int) - x[..., 0] > 60).any())
              for x in captions]
    assert is_red == [True, False, False]
