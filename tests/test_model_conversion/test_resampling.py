import pytest
import torch
from timm.layers import resample_abs_pos_embed, resample_patch_embed

from mmseg_anomaly.model_conversion import change_sizes, from_ours, to_ours
from mmseg_anomaly.model_conversion.resampling import grid_of


@pytest.mark.parametrize('arch', ['registers', 'class_position'])
def test_change__fits_a_model_of_that_size(arch, make_model, log):
    weights = from_ours(make_model(arch).state_dict())
    changed = change_sizes(weights, img_size=(96, 48))
    model = make_model(arch, img_size=(96, 48))
    model.load_state_dict(to_ours(changed))
    assert log == ['resized pos_embed: (4, 4) to (6, 3) patches']


@pytest.mark.parametrize('option', ['img_size', 'source_img_size'])
def test_change__rotary_positions_have_no_size(option, make_model, log):
    weights = from_ours(make_model('rotary').state_dict())
    with pytest.raises(ValueError, match=(
            'has rotary positions.*leave --img-size and .* `img_size` of '
            'backbone and decode_head in the config')):
        change_sizes(weights, **{option: (96, 48)})
    make_model('rotary', img_size=(96, 48)).load_state_dict(to_ours(weights))


def test_change__patch_size_of_rotary_positions(make_model, log):
    weights = from_ours(make_model('rotary').state_dict())
    changed = change_sizes(weights, patch_size=8)
    make_model('rotary', patch_size=8).load_state_dict(to_ours(changed))


def test_change__resamples_as_timm_does(make_model, log):
    weights = from_ours(make_model('class_position').state_dict())
    changed = change_sizes(weights, img_size=(96, 48))
    assert log == ['resized pos_embed: (4, 4) to (6, 3) patches']
    assert torch.equal(changed.vit['pos_embed'], resample_abs_pos_embed(
        weights.vit['pos_embed'], new_size=[6, 3], num_prefix_tokens=1))


def test_change__resamples_patches_as_timm_does(make_model, log):
    weights = from_ours(make_model().state_dict())
    changed = change_sizes(weights, patch_size=8)
    name = 'patch_embed.proj.weight'
    assert changed.vit[name].shape[-2:] == (8, 8)
    assert torch.equal(changed.vit[name], resample_patch_embed(
        weights.vit[name], [8, 8]))


def test_change__same_size_changes_nothing(make_model, log, assert_same):
    state = make_model().state_dict()
    changed = change_sizes(from_ours(state), img_size=(64, 64))
    assert_same(to_ours(changed), state)
    assert log == []


@pytest.mark.parametrize(('old', 'new', 'verb'), [
    (16, 8, 'dropped 1'), (8, 16, 'reinitialised 1'), (14, 12, None)])
def test_change__patch_size(old, new, verb, make_model, log):
    size = (old * 4, old * 4)
    model = make_model(patch_size=old, img_size=size)
    changed = change_sizes(
        from_ours(model.state_dict()), patch_size=new,
        img_size=(new * 5, new * 5))
    make_model(patch_size=new, img_size=(new * 5, new * 5)).load_state_dict(
        to_ours(changed))
    assert f'{old} to {new} pixels' in log[1]
    assert (log[2].startswith(verb) if verb else len(log) == 2)


def test_change__patch_size_keeps_the_resolution(make_model, log):
    weights = from_ours(make_model().state_dict())
    changed = change_sizes(weights, patch_size=8)
    assert changed.vit['pos_embed'].shape == (1, 64, 16)


def test_grid__rectangle_must_be_named(make_model):
    weights = from_ours(make_model(img_size=(48, 80)).state_dict())
    assert grid_of(weights, (48, 80)) == ((3, 5), 0)
    with pytest.raises(ValueError, match='15 positions, which are no square'):
        grid_of(weights, None)
    with pytest.raises(ValueError, match='correct --source-img-size'):
        grid_of(weights, (64, 64))


def test_change__no_multiple_of_the_patch(make_model, log):
    weights = from_ours(make_model().state_dict())
    with pytest.raises(ValueError, match='must be a multiple of the patch'):
        change_sizes(weights, img_size=(70, 64))


def test_change__a_source_size_that_is_wrong_is_not_passed_over(
        make_model, log):
    weights = from_ours(make_model().state_dict())
    with pytest.raises(ValueError, match='correct --source-img-size'):
        change_sizes(weights, source_img_size=(32, 64))
