import pytest
import torch

from mmseg_anomaly.model_conversion import (
    change_classes,
    from_ours,
    match_classes,
    to_ours,
)

KNOWN = ['sky', 'road', 'car', 'tree']


@pytest.mark.parametrize(('wanted', 'expected'), [
    (['road', 'bus'], dict(road=1, bus=None)),
    (dict(street='road', bus=None, plant=3),
     dict(street=1, bus=None, plant=3)),
])
def test_match__names_and_indices(wanted, expected):
    assert match_classes(wanted, KNOWN, 4) == expected


@pytest.mark.parametrize(('wanted', 'known', 'message'), [
    (['road'], [], 'does not name its classes'),
    (['road', 'car', 'road'], KNOWN, 'once only, got twice: road$'),
    (dict(bus='van'), KNOWN, "continue 'van', which .* sky, road, car"),
    (dict(bus=4), KNOWN, 'continue class 4, but the checkpoint has 4'),
])
def test_match__what_does_not_exist(wanted, known, message):
    with pytest.raises(ValueError, match=message):
        match_classes(wanted, known, 4)


def test_change__keeps_rows_to_the_bit(make_model, log, assert_same):
    weights = from_ours(make_model().state_dict())
    loss_weights = torch.tensor([2, 3, 4, 5, 0.5], dtype=torch.half)
    weights.extras['criterion.empty_weight'] = loss_weights
    changed = change_classes(
        weights, dict(car=2, bus=None, sky=0))
    for name in ('class_head.weight', 'class_head.bias'):
        old, new = weights.head[name], changed.head[name]
        assert len(new) == 4
        assert torch.equal(new[[0, 2, 3]], old[[2, 0, 4]])
        assert new[1].abs().max() <= 0.25  # 1 / sqrt(16)
        assert new[1].any()
    assert log == ['classes: kept 2 of 4 and no-object; reinitialised bus; '
                    'dropped 2',
                    'criterion.empty_weight, the weights of the classes in '
                    'the loss: kept and dropped as the classes are, 1 for '
                    'each reinitialised']
    assert_same(changed.extras, {
        'criterion.empty_weight': torch.tensor([4, 1, 2, 0.5]).half()})
    make_model(num_classes=3).load_state_dict(to_ours(changed))


def test_change__same_classes_change_nothing(make_model, log, assert_same):
    state = make_model().state_dict()
    changed = change_classes(
        from_ours(state), {str(index): index for index in range(4)})
    assert_same(to_ours(changed), state)
