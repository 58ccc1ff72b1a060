import math

import pytest
import torch

from mmseg_anomaly.models.decode_heads.pixel_statistics import pixel_statistics
from mmseg_anomaly.models.scoring.evidence import Prediction, semantic_evidence


def test_statistics__by_hand_on_two_queries_two_classes_four_pixels():
    # sigmoid(0) = 1/2, sigmoid(log 3) = 3/4, sigmoid(-log 3) = 1/4
    third = math.log(3)
    masks = torch.tensor([[[0., third], [-third, 60.]],
                          [[0., -third], [0., 60.]]])
    probs = torch.tensor([[.8, .1, .1], [.2, .6, .2]])
    scores = semantic_evidence(
        Prediction(masks[None], probs.log()[None]), (2, 2))['seg_logits']
    s = [[(.5, .35), (.65, .225)], [(.3, .325), (1., .7)]]
    torch.testing.assert_close(scores[0].permute(1, 2, 0), torch.tensor(s))

    largest, entropy, total, rest = pixel_statistics(scores)[0]
    torch.testing.assert_close(largest,
                               torch.tensor([[.5, .65], [.325, 1.]]))
    torch.testing.assert_close(
        entropy,
        torch.tensor([[-a * math.log(a) - b * math.log(b) for a, b in row]
                      for row in s]))
    torch.testing.assert_close(total,
                               torch.tensor([[.85, .875], [.625, 1.7]]))
    torch.testing.assert_close(rest, torch.tensor([[.5, .35], [.675, 0.]]))


def test_entropy__is_negative_where_queries_repeat_each_other():
    entropy = pixel_statistics(torch.full((1, 1, 1, 1), 2.))[0, 1]
    assert entropy.item() == pytest.approx(-2 * math.log(2))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_statistics__stay_finite_in_half_precision(dtype):
    statistics = pixel_statistics(torch.zeros(1, 3, 1, 1, dtype=dtype))
    assert statistics.dtype == torch.float32
    torch.testing.assert_close(
        statistics.flatten(),
        torch.tensor([0., -3e-7 * math.log(1e-7), 0., 1.]))
