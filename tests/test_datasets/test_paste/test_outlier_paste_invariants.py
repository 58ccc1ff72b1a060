"""What holds for every placement, blending, worker and source."""
import numpy as np
import pytest
from torch.utils.data import DataLoader, Dataset

from mmseg_anomaly.datasets.outliers import SyntheticOutliers
from mmseg_anomaly.datasets.outliers.packed import encode_cutout, write_pack
from mmseg_anomaly.datasets.paste import OutlierPaste, RoadPlacement
from mmseg_anomaly.labels import IGNORE_INDEX, OUTLIER_INDEX


def road_scene():
    """Return a dark scene: void left, sky above road, a person on it."""
    img = np.random.default_rng(0).integers(
        100, size=(60, 100, 3), dtype=np.uint8)
    label = np.full((60, 100), 1, np.uint8)
    label[25:] = 0
    label[30:50, 60:70] = 2
    label[:, :9] = IGNORE_INDEX
    return dict(img=img, gt_seg_map=label, seg_fields=['gt_seg_map'])


PLACEMENTS = [
    None,
    dict(type='UniformPlacement', protected_classes=[2]),
    dict(type='RoadPlacement', road_classes=[0], protected_classes=[2]),
    dict(type='RoadPlacement', road_classes=[0], protected_classes=[2],
         perspective=True, min_size_px=4),
]
BLENDINGS = [
    None,
    dict(type='OutlierBlending', mode='feather', color_match=0.5),
    dict(type='OutlierBlending', mode='poisson', match_noise=True),
    dict(type='OutlierBlending', color_match=0.3, match_blur=True,
         match_noise=True),
]


@pytest.mark.parametrize('placement', PLACEMENTS)
@pytest.mark.parametrize('blending', BLENDINGS)
def test_what_must_hold__holds_for_many_draws(placement, blending, paste_many):
    num_pasted = 0
    for before, after in paste_many(
            40, make_scene=road_scene, placement=placement, max_scale=0.6,
            blending=blending,
            objects=SyntheticOutliers(30, size_px=(30, 60))):
        pasted = after['gt_seg_map'] == OUTLIER_INDEX
        np.testing.assert_array_equal(after['img'][~pasted],
                                      before['img'][~pasted])
        np.testing.assert_array_equal(after['gt_seg_map'][~pasted],
                                      before['gt_seg_map'][~pasted])
        inside = np.zeros((60, 100), bool)
        for outlier in after['outliers']:
            left, top, right, bottom = outlier['box_xyxy']
            assert 0 <= left < right <= 100 and 0 <= top < bottom <= 60
            inside[top:bottom, left:right] = True
        assert (inside | ~pasted).all()
        num_pixels = [item['num_pixels'] for item in after['outliers']]
        assert max(num_pixels, default=0) <= pasted.sum() <= sum(num_pixels)
        if placement is not None:
            assert not pasted[before['gt_seg_map'] == 2].any()
        changed = (before['img'] != after['img']).any(axis=2)
        if pasted.any():
            assert changed[pasted].mean() > 0.8
        num_pasted += len(after['outliers'])
    assert num_pasted > 40


@pytest.mark.parametrize('num_workers', [1, 4])
def test_workers__give_the_pixels_of_no_workers(num_workers):
    expected = load_all(0)
    for first, second in zip(expected, load_all(num_workers), strict=True):
        assert first == second


class SeededScenes(Dataset):
    """Scenes whose objects follow from their number, as offline sets have."""

    def __init__(self):
        self.paste = OutlierPaste(
            SyntheticOutliers(9, size_px=(20, 30)),
            placement=RoadPlacement([0], perspective=True, min_size_px=4),
            blending=dict(type='OutlierBlending', mode='feather',
                          color_match=0.5, match_noise=True))

    def __len__(self):
        return 8

    def __getitem__(self, index):
        data = road_scene()
        result = self.paste.paste(data['img'], data['gt_seg_map'],
                                  np.random.default_rng((1, index)))
        return (result.img.tobytes(), result.seg_label.tobytes(),
                str(result.outliers))


def load_all(num_workers):
    return list(DataLoader(
        SeededScenes(), batch_size=None, num_workers=num_workers))


def test_pack__gives_the_pixels_of_its_source(tmp_path, paste_many):
    source = SyntheticOutliers(9, size_px=(20, 60))
    write_pack(tmp_path / 'a.pack',
               ((number, *encode_cutout(source[number]))
                for number in range(9)), {})
    pack = dict(type='PackedOutliers', pack_file=str(tmp_path / 'a.pack'))
    blending = dict(type='OutlierBlending', mode='poisson', match_blur=True)
    runs = [[after for _, after in paste_many(
        8, objects=objects, blending=blending)] for objects in (source, pack)]
    for first, second in zip(*runs, strict=True):
        np.testing.assert_array_equal(first['img'], second['img'])
        assert first['outliers'] == second['outliers']
