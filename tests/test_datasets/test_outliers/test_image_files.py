import pickle
import zipfile
from multiprocessing import get_context

import cv2
import numpy as np
import pytest

from mmseg_anomaly.datasets.outliers.image_files import (
    BrokenImageError,
    ImageFiles,
)

NAMES = ('a.png', 'sub/b.png')


@pytest.fixture(params=['folder', 'zip'])
def files(request, tmp_path):
    for shade, name in enumerate(NAMES):
        path = tmp_path / 'images' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((4, 6, 3), shade, np.uint8))
    if request.param == 'folder':
        return ImageFiles(tmp_path / 'images')
    with zipfile.ZipFile(tmp_path / 'a.zip', 'w') as archive:
        for name in NAMES:
            archive.write(tmp_path / 'images' / name, f'images/{name}')
        archive.writestr('other.png', b'')
    return ImageFiles(tmp_path / 'a.zip' / 'images')


def test_names__are_relative_and_sorted(files):
    assert files.names() == list(NAMES)


def test_missing_name__is_found(files):
    assert files.first_missing(NAMES) is None
    assert files.first_missing(['a.png', 'sub/c.png', 'd']) == 'sub/c.png'
    assert files.first_missing(['nowhere/a.png']) == 'nowhere/a.png'


def test_images__are_read_by_copies_too(files):
    for reader in (files, pickle.loads(pickle.dumps(files))):
        assert (reader.read_image('sub/b.png') == 1).all()


def test_missing_file__is_broken(files):
    with pytest.raises(BrokenImageError, match='c.png cannot be read'):
        files.read('c.png')


def read_often(files, shade):
    return all((files.read_image(NAMES[shade]) == shade).all()
               for _ in range(200))


def test_forked_workers__do_not_disturb_each_other(files):
    files.read('a.png')  # the parent has it open
    with get_context('fork').Pool(2) as pool:
        results = [pool.apply_async(read_often, (files, shade))
                   for shade in (0, 1)]
        assert all(result.get(30) for result in results)


def test_cut_off_images__are_refused(tmp_path):
    noise = np.random.default_rng(0).integers(256, size=(64, 64, 3))
    for suffix in ('.jpg', '.png'):
        path = tmp_path / f'cut{suffix}'
        cv2.imwrite(str(path), noise.astype(np.uint8))
        ImageFiles(tmp_path).read_image(path.name)
        path.write_bytes(path.read_bytes()[:-600])
        with pytest.raises(BrokenImageError, match=f'cut{suffix} of .* bytes'):
            ImageFiles(tmp_path).read_image(path.name)


def test_missing_folder__is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match='no folder .*nowhere'):
        ImageFiles(tmp_path / 'nowhere')


def test_broken_zip__is_refused(tmp_path):
    (tmp_path / 'a.zip').write_bytes(b'nonsense')
    with pytest.raises(ValueError, match='a.zip is no zip file'):
        ImageFiles(tmp_path / 'a.zip')
