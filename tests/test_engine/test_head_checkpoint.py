import hashlib

import pytest
import torch

from mmseg_anomaly.engine.head_checkpoint import (
    attach_head,
    attached_head,
    base_of,
    extract_head,
    hash_tensors,
    holds_head,
)
from mmseg_anomaly.models.pixel_mlp import PixelMLP
from mmseg_anomaly.models.pixel_statistics import NUM_STATISTICS

NAMES = ('base.pth', 'head.pth')


def plain():
    return {
        'backbone.weight': torch.arange(4.),
        'decode_head.queries.weight': torch.ones(2, 1),
        'decode_head.attn_mask_probs': torch.zeros(()),
    }


def trained():
    return {
        'backbone.weight': torch.arange(4.),
        'decode_head.semantic_head.queries.weight': torch.ones(2, 1),
        'decode_head.semantic_head.attn_mask_probs': torch.zeros(()),
        'decode_head.mlp.first.bias': torch.full((3, ), 7.),
    }


def assert_equal(first, second):
    assert set(first) == set(second)
    for key, value in first.items():
        assert torch.equal(value, second[key])


def test_hash_tensors__by_hand():
    text = b'a torch.float32 (2,);' + b'\0\0\x80?' * 2
    text += b'b torch.int64 ();' + b'\5' + 7 * b'\0'
    state_dict = dict(b=torch.tensor(5), a=torch.ones(2))
    assert hash_tensors(state_dict) == hashlib.sha256(text).hexdigest()


def test_hash_tensors__sees_every_bit():
    changed = plain()
    changed['backbone.weight'] = torch.nextafter(
        changed['backbone.weight'], torch.tensor(9.))
    assert hash_tensors(changed) != hash_tensors(plain())


def test_extract__takes_the_head_and_the_hash_of_its_base():
    head = extract_head(trained(), 'base.pth')
    assert list(head['state_dict']) == ['decode_head.mlp.first.bias']
    assert head['meta'] == dict(
        base_name='base.pth', base_sha256=hash_tensors(plain()))


def test_attach__gives_back_what_was_taken_apart():
    assert holds_head(trained()) and not holds_head(plain())
    assert_equal(base_of(trained()), plain())
    assert_equal(base_of(plain()), plain())
    head = extract_head(trained(), 'base.pth')
    assert_equal(attach_head(plain(), head, NAMES), trained())


def test_attach__refuses_another_base_by_name():
    head = extract_head(trained(), 'mine.pth')
    other = plain()
    other['backbone.weight'] += 1
    with pytest.raises(ValueError, match=(
            '`head.pth` was trained on `mine.pth` .*not on `base.pth`')):
        attach_head(other, head, NAMES)


def test_attach__refuses_what_has_a_head():
    head = extract_head(trained(), 'base.pth')
    with pytest.raises(ValueError, match='`base.pth` holds a pixel head alr'):
        attach_head(trained(), head, NAMES)


def test_attach__refuses_what_is_no_head():
    with pytest.raises(ValueError, match='`head.pth` is no pixel head alone'):
        attach_head(plain(), dict(state_dict=trained(), meta={}), NAMES)


def test_extract__refuses_a_plain_eomt():
    with pytest.raises(ValueError, match='holds no decode_head.semantic_'):
        extract_head(plain(), 'base.pth')


@pytest.mark.parametrize(('cfg', 'head'), [
    ({}, None), (dict(custom_hooks=None), None),
    (dict(custom_hooks=[dict(type='EMAHook', head='x')]), None),
    (dict(custom_hooks=[dict(type='AttachHeadHook')]), None),
    (dict(custom_hooks=[dict(type='EMAHook'),
                        dict(type='AttachHeadHook', head='a.pth')]), 'a.pth')])
def test_attached_head__is_what_the_hook_reads(cfg, head):
    assert attached_head(cfg) == head


def test_extract_head__of_a_large_vit_stays_below_two_megabytes(tmp_path):
    mlp = PixelMLP(NUM_STATISTICS, 1024)  # channels of a ViT-L
    state_dict = {
        'decode_head.semantic_head.q': torch.zeros(2**20),
        **mlp.state_dict(prefix='decode_head.mlp.')
    }
    torch.save(extract_head(state_dict, 'base'), tmp_path / 'head.pth')
    assert 1e6 < (tmp_path / 'head.pth').stat().st_size < 2e6
