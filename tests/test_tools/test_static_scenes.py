"""Which scenes make_static_benchmark.py takes, and how it calls them."""
import json

import cv2
import numpy as np
import pytest
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS
from test_tools import test_make_static_benchmark
from test_tools.test_make_static_benchmark import CLASSES, VOID_ID

run = test_make_static_benchmark.run  # its fixture

@DATASETS.register_module()
class TwoFormats(BaseSegDataset):
    """A dataset that tells two formats apart by more than a suffix."""

    METAINFO = dict(classes=CLASSES, palette=[[0, 0, 0], [255, 255, 255]])

    def load_data_list(self):
        names = ('a.JPG', 'a.jpg', 'sub/b.jpg')
        folders = self.data_prefix
        return [dict(
            img_path=f'{folders["img_path"]}/{name}',
            seg_map_path=f'{folders["seg_map_path"]}/'
            f'{name.replace("JPG", "PNG").replace("jpg", "png")}',
            label_map={VOID_ID: 255}, reduce_zero_label=False, seg_fields=[])
            for name in names]


def test_scenes__of_every_format(run, tmp_path):
    scenes = tmp_path / 'scenes'
    (scenes / 'images/c.jpg').unlink()
    for suffix in ('c.webp', 'd.PNG'):
        cv2.imwrite(str(scenes / f'images/{suffix}'),
                    np.zeros((40, 60, 3), np.uint8))
    cv2.imwrite(str(scenes / 'labels/d.png'), np.zeros((40, 60), np.uint8))
    manifest = json.loads((run() / 'manifest.json').read_text())
    assert [item['image'] for item in manifest['images']] == [
        f'images/{name}.png' for name in ('a', 'c', 'd', 'sub/b')]
    with pytest.raises(ValueError, match='c.webp is an image of another'):
        run('--img-suffix', '.jpg', name='other')
    manifest = json.loads((run(
        '--img-suffix', '.jpg', '--allow-unpaired', name='part'
    ) / 'manifest.json').read_text())
    assert len(manifest['images']) == 2


def test_scenes__of_one_stem_are_two_files(run, tmp_path):
    config = tmp_path / 'scenes.py'
    (tmp_path / 'scenes/images/c.jpg').rename(
        tmp_path / 'scenes/images/a.JPG')
    (tmp_path / 'scenes/labels/c.png').rename(
        tmp_path / 'scenes/labels/a.PNG')
    config.write_text(
        'val_dataloader = dict(dataset=dict(type="TwoFormats", '
        f'data_root="{tmp_path}/scenes", data_prefix=dict('
        'img_path="images", seg_map_path="labels")))')
    manifest = json.loads((run(scenes=[config]) / 'manifest.json').read_text())
    assert [item['image'] for item in manifest['images']] == [
        'images/a.JPG.png', 'images/a.jpg.png', 'images/sub/b.jpg.png']
