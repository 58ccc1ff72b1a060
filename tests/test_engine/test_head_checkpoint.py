import hashlib

import pytest
import torch
from safetensors.torch import save_file

from mmseg_anomaly.engine.head_checkpoint import (
    attach_head,
    attached_head,
    base_of,
    check_head_name,
    extract_head,
    hash_tensors,
    holds_head,
    read_head,
    write_head,
)
from mmseg_anomaly.models.decode_heads.pixel_mlp import (
    NUM_STATISTICS,
    PixelMLP,
)

NAMES = ('base.pth', 'head.safetensors')


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
            '`head.safetensors` was trained on `mine.pth` .*not on '
            '`base.pth`')):
        attach_head(other, head, NAMES)


def test_attach__refuses_what_has_a_head():
    head = extract_head(trained(), 'base.pth')
    with pytest.raises(ValueError, match='`base.pth` holds a pixel head alr'):
        attach_head(trained(), head, NAMES)


def test_write__is_read_back_with_what_it_belongs_to(tmp_path):
    head = extract_head(trained(), 'mine.pth')
    write_head(tmp_path / 'new/head.safetensors', head)
    found = read_head(tmp_path / 'new/head.safetensors')
    assert_equal(found['state_dict'], head['state_dict'])
    assert found['meta'] == head['meta']


def test_write__is_safetensors_only(tmp_path):
    head = extract_head(trained(), 'mine.pth')
    with pytest.raises(ValueError, match='end with .safetensors, got `a.pth`'):
        write_head(tmp_path / 'a.pth', head)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match='end with .safetensors, got `head`'):
        check_head_name('folder/head')


def test_read__refuses_what_is_no_head(tmp_path):
    save_file(plain(), tmp_path / 'eomt.safetensors')
    torch.save(extract_head(trained(), 'mine'), tmp_path / 'head.pth')
    torch.save(torch.ones(1), tmp_path / 'tensor.pth')
    for name in ('eomt.safetensors', 'head.pth', 'tensor.pth'):
        with pytest.raises(ValueError, match=(
                f'`{name}` is no pixel head alone; .*extract_head.py writes '
                'one, a .safetensors file')):
            read_head(tmp_path / name)
    (tmp_path / 'empty.safetensors').touch()
    with pytest.raises(ValueError, match='empty.safetensors` .* it is empty'):
        read_head(tmp_path / 'empty.safetensors')
    with pytest.raises(FileNotFoundError, match='no checkpoint `.*none.saf'):
        read_head(tmp_path / 'none.safetensors')


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
    path = tmp_path / 'head.safetensors'
    write_head(path, extract_head(state_dict, 'base'))
    assert 1e6 < path.stat().st_size < 2e6
