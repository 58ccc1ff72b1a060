import numpy as np

from mmseg_anomaly.datasets.transforms.blending import hard_blend


def test_hard_blend__replaces_the_mask_and_nothing_else():
    background = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    image = np.full((2, 2, 3), 200, np.uint8)
    mask = np.array([[True, False], [False, True]])
    blended = hard_blend(background, image, mask)
    assert blended.dtype == np.uint8
    assert blended.tolist() == [[[200] * 3, [3, 4, 5]],
                                [[6, 7, 8], [200] * 3]]
