import math

import numpy as np

from mmseg_anomaly.evaluation.pixels.bootstrap import count_image
from mmseg_anomaly.evaluation.pixels.pixel_counts import image_row


def test_image_row__hand_computed():
    row = image_row('a.png', count_image(np.array([3, 2, 1], np.float32),
                                         np.array([0, 1, 0], np.uint8)))
    assert row == {'image': 'a.png', 'pixels': 3, 'positives': 1,
                   'AuPRC': 50, 'FPR95': 50}


def test_image_row__without_anomaly_is_undefined():
    row = image_row('a.png', count_image(np.array([3], np.float32),
                                         np.array([0], np.uint8)))
    assert (row['pixels'], row['positives']) == (1, 0)
    assert math.isnan(row['AuPRC']) and math.isnan(row['FPR95'])
