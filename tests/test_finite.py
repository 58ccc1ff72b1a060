"""What counts as finite, and the sentence where it is not."""
import pytest
import torch

from mmseg_anomaly.finite import all_finite, check_finite_weights


@pytest.mark.parametrize('dtype', [
    torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_all_finite__any_type_of_float(dtype):
    values = torch.ones(2, 3, dtype=dtype)
    assert all_finite(values)
    for broken in (torch.nan, torch.inf, -torch.inf):
        values[1, 2] = broken
        assert not all_finite(values)


def test_all_finite__where_only_the_sum_overflows():
    assert all_finite(torch.full((4, ), 3e38))
    assert all_finite(torch.full((4, ), 1e300, dtype=torch.float64))


def test_all_finite__infinities_that_cancel():
    assert not all_finite(torch.tensor([torch.inf, -torch.inf]))


def test_all_finite__integers_and_nothing():
    assert all_finite(torch.tensor([2**62, 2**62]))
    assert all_finite(torch.empty(0))


def test_weights__names_the_file_and_the_tensors():
    weights = {f'layer{i}': torch.tensor([torch.nan]) for i in range(5)}
    with pytest.raises(ValueError, match=(
            '`m.pth` holds values that are not finite .* in layer0, layer1, '
            'layer2 and 2 more: its training has diverged')):
        check_finite_weights({'good': torch.ones(1), **weights}, '`m.pth`')


def test_weights__an_attention_mask_may_stay():
    mask = torch.zeros(2, 2).masked_fill(
        torch.eye(2, dtype=torch.bool), -torch.inf)
    check_finite_weights(dict(mask=mask, epoch=3), 'a file')
    for broken in (-mask, mask - 1, mask[0, :1]):
        with pytest.raises(ValueError, match='in mask'):
            check_finite_weights(dict(mask=broken), 'a file')
