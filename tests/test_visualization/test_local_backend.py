import numpy as np
import pytest
from mmengine.registry import DefaultScope
from mmseg.visualization import SegLocalVisualizer

from mmseg_anomaly.paths import UnwrittenPictureError
from mmseg_anomaly.visualization import LocalVisBackend

PICTURE = np.zeros((2, 3, 3), np.uint8)


def test_add_image__reports_what_is_not_there_afterwards(tmp_path):
    backend = LocalVisBackend(str(tmp_path))
    backend.add_image('a', PICTURE)
    assert (tmp_path / 'vis_image/a_0.png').is_file()
    with pytest.raises(UnwrittenPictureError, match=f'{"b" * 300}_2.png'):
        backend.add_image('b' * 300, PICTURE, 2)


def test_registry__gives_it_to_visualizers_of_mmseg(tmp_path):
    with DefaultScope.overwrite_default_scope('mmseg'):
        visualizer = SegLocalVisualizer(
            name='local', save_dir=str(tmp_path),
            vis_backends=[dict(type='LocalVisBackend')])
    assert isinstance(visualizer.get_backend('LocalVisBackend'),
                      LocalVisBackend)
