"""Sources are found by what a command line or a config says."""
import cv2
import numpy as np
import pytest

from mmseg_anomaly.datasets.outliers.open_sources import (
    find_datasets,
    find_pastes,
    open_sources,
)
from mmseg_anomaly.datasets.outliers.packed import encode_cutout, write_pack


def write_rgba(folder, seeds):
    for seed in seeds:
        rgba = np.random.default_rng(seed).integers(
            256, size=(9, 9, 4), dtype=np.uint8)
        folder.mkdir(exist_ok=True)
        cv2.imwrite(str(folder / f'{folder.name}{seed}.png'), rgba)


def test_command_line__names_every_kind(make_coco, tmp_path):
    root = make_coco([dict(image='a', category='toy', box=(3, 4, 30, 40))])
    coco, = open_sources([str(root / 'instances.json'), str(root / 'images')],
                         min_area=100)
    assert len(coco) == 1
    write_pack(tmp_path / 'a.pack', [(0, *encode_cutout(coco[0]))], {})
    assert len(open_sources([str(tmp_path / 'a.pack')])[0]) == 1
    write_rgba(tmp_path / 'cut', [0, 1])
    assert len(open_sources([str(tmp_path / 'cut')])[0]) == 2
    for text in ("source = dict(type='SyntheticOutliers', num_objects=7)",
                 "pipeline = [dict(type='OutlierPaste', source=dict("
                 "type='SyntheticOutliers', num_objects=7))]\nx = pipeline"):
        (tmp_path / 'config.py').write_text(text)
        source, = open_sources([str(tmp_path / 'config.py')])
        assert len(source) == 7
        (tmp_path / 'config.py').unlink()


@pytest.mark.parametrize('content', [None, 'x = 1'])
def test_command_line__refuses_the_rest(tmp_path, content):
    path = tmp_path / 'x.py'
    if content:
        path.write_text(content)
    paths = [str(path)] if content else ['a', 'b', 'c']
    with pytest.raises(ValueError, match='objects must be JSON IMAGES'):
        open_sources(paths)


def test_datasets__are_found_from_the_outside():
    inner, other = dict(type='A'), dict(type='B')
    both = dict(type='Concat', datasets=[inner, other])
    outer = dict(type='Repeat', dataset=both)
    assert list(find_datasets(outer)) == [outer, both, inner, other]


def test_pastes__are_found_at_any_depth():
    paste = dict(type='OutlierPaste', source=1)
    assert find_pastes(dict(a=[dict(b=(paste, 3)), 'x'])) == [paste]
