"""The converters, file to file."""
import json

import pytest
import torch
from mmengine.logging import MMLogger
from mmengine.runner import CheckpointLoader
from safetensors.torch import load_file

from mmseg_anomaly.model_conversion import (
    from_ours,
    read_checkpoint,
    to_hugging_face,
    to_original,
    write_checkpoint,
)
from mmseg_anomaly.model_conversion.hugging_face import write_folder
from mmseg_anomaly.models.backbones import EoMTViT
from mmseg_anomaly.models.decode_heads import EoMTDecodeHead

ARCH = dict(embed_dim=16, depth=3, num_heads=2, init_values=0.5)


@pytest.fixture
def convert(load_tool):
    def run(name, *args) -> None:
        load_tool(f'model_converters/{name}.py').main([str(a) for a in args])
    return run


def make_state(img_size=(64, 64), num_classes=2, seed=0, arch=ARCH,
               patch_size=16):
    torch.manual_seed(seed)
    vit = dict(arch=arch, img_size=img_size, num_joint_blocks=1,
               patch_size=patch_size)
    model = torch.nn.ModuleDict(dict(
        backbone=EoMTViT(**vit),
        decode_head=EoMTDecodeHead(
            **vit, num_classes=num_classes, num_queries=3)))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model.state_dict()


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[k], expected[k])
               and found[k].dtype == expected[k].dtype for k in expected)


@pytest.mark.parametrize('suffix', ['.safetensors', '.pth'])
def test_original__there_and_back(suffix, convert, tmp_path):
    original = {**to_original(from_ours(make_state())),
                'criterion.empty_weight': torch.tensor([1, 1, 0.1])}
    original = {k: v.half() for k, v in original.items()}
    torch.save(original, tmp_path / 'a.bin')
    convert('eomt2mmseg', tmp_path / 'a.bin', tmp_path / f'b{suffix}')
    convert('mmseg2eomt', tmp_path / f'b{suffix}', tmp_path / 'c.bin')
    assert_same(torch.load(tmp_path / 'c.bin', weights_only=True), original)


def test_ours__to_original_and_back(convert, tmp_path):
    state = make_state()
    torch.save(dict(state_dict=state), tmp_path / 'a.pth')
    convert('mmseg2eomt', tmp_path / 'a.pth', tmp_path / 'b.bin')
    convert('eomt2mmseg', tmp_path / 'b.bin', tmp_path / 'c.safetensors')
    assert_same(load_file(tmp_path / 'c.safetensors'), state)


@pytest.mark.parametrize('by', ['width', 'config'])
def test_conversion__the_last_block_is_gone(by, convert, tmp_path):
    """It would be taken for a ViT of fewer blocks."""
    arch = dict(ARCH, depth=12, embed_dim=384) if by == 'width' else ARCH
    weights = from_ours(make_state(arch=arch))
    depth = weights.depth
    weights = weights._replace(vit={
        k: v for k, v in weights.vit.items()
        if not k.startswith(f'blocks.{depth - 1}.')})
    if by == 'width':
        torch.save(to_original(weights), tmp_path / 'a')
    else:
        state, _ = to_hugging_face(weights)
        write_folder(tmp_path / 'a', state, {}, dict(num_hidden_layers=3))
    tool = 'eomt2mmseg' if by == 'width' else 'hf2mmseg'
    with pytest.raises(ValueError, match=(
            f'has {depth - 1} blocks, but .* {depth}; missing: '
            f'blocks.{depth - 1}. ')):
        convert(tool, tmp_path / 'a', tmp_path / 'b.safetensors')
    assert not (tmp_path / 'b.safetensors').exists()


def test_ours__to_hugging_face_and_back(convert, tmp_path):
    state = make_state()
    write_checkpoint(tmp_path / 'a.safetensors', state,
                     classes=['road', 'car'])
    convert('mmseg2hf', tmp_path / 'a.safetensors', tmp_path / 'b',
            '--num-heads', 2)
    convert('hf2mmseg', tmp_path / 'b', tmp_path / 'c.safetensors')
    assert_same(load_file(tmp_path / 'c.safetensors'), state)
    assert read_checkpoint(tmp_path / 'c.safetensors')[1]['classes'] == [
        'road', 'car']


def test_original__training_checkpoint_of_lightning(convert, tmp_path):
    state = make_state()
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.ones(2))])
    optimizer.param_groups[0]['params'][0].sum().backward()
    optimizer.step()
    torch.save({
        'epoch': 1, 'global_step': 2, 'pytorch-lightning_version': '2.6.6',
        'state_dict': {k.replace('network.', 'network._orig_mod.'): v
                       for k, v in to_original(from_ours(state)).items()},
        'optimizer_states': [optimizer.state_dict()], 'loops': {},
        'lr_schedulers': [dict(base_lrs=[1e-4], last_epoch=2)],
        'hyper_parameters': dict(lr=1e-4, img_size=(64, 64)),
    }, tmp_path / 'a.ckpt')
    convert('eomt2mmseg', tmp_path / 'a.ckpt', tmp_path / 'b.safetensors')
    assert_same(load_file(tmp_path / 'b.safetensors'), state)


def test_original__differences_need_their_backbone(convert, tmp_path):
    weights, base = from_ours(make_state()), from_ours(make_state(seed=1))
    delta = to_original(weights._replace(
        vit={k: v - base.vit[k] for k, v in weights.vit.items()},
        head={**weights.head, 'attn_mask_probs': torch.zeros(1)}))
    delta = {k: 0 * v if 'pixel' in k else v for k, v in delta.items()}
    torch.save(delta, tmp_path / 'delta.bin')
    torch.save(base.vit, tmp_path / 'vit.pth')
    with pytest.raises(ValueError, match='holds differences .*--backbone'):
        convert('eomt2mmseg', tmp_path / 'delta.bin', tmp_path / 'b.pth')
    convert('eomt2mmseg', tmp_path / 'delta.bin', tmp_path / 'b.safetensors',
            '--backbone', tmp_path / 'vit.pth')
    whole = from_ours(load_file(tmp_path / 'b.safetensors'))
    for name, value in weights.vit.items():
        torch.testing.assert_close(whole.vit[name], value)
    assert torch.equal(whole.head['queries.weight'],
                       weights.head['queries.weight'])


def test_options__sizes_and_classes(convert, tmp_path):
    state = make_state(img_size=(48, 80))
    torch.save(dict(state_dict=state), tmp_path / 'a.pth')
    (tmp_path / 'classes.json').write_text(json.dumps(
        dict(street='road', bus=None, van=1)))
    convert('mmseg2eomt', tmp_path / 'a.pth', tmp_path / 'b.bin',
            '--source-img-size', 48, 80, '--img-size', 64, 32,
            '--patch-size', 8, '--source-classes', 'road,car',
            '--classes', tmp_path / 'classes.json')
    convert('eomt2mmseg', tmp_path / 'b.bin', tmp_path / 'c.safetensors')
    found = load_file(tmp_path / 'c.safetensors')
    expected = make_state((64, 32), num_classes=3, patch_size=8)
    assert {k: v.shape for k, v in found.items()} == {
        k: v.shape for k, v in expected.items()}
    assert torch.equal(found['decode_head.class_head.bias'][[0, 2, 3]],
                       state['decode_head.class_head.bias'])


@pytest.mark.parametrize(('content', 'message'), [
    ('3', 'classes.json must hold a list or dict, got a int'),
    ('[', 'classes.json could not be read as JSON, perhaps it is cut off'),
    ('["a", 3]', 'must hold a list of names, .*, got 3$'),
    ('["a", ""]', "must hold a list of names, .*, got ''$"),
    ('{"a": [1]}', r'a dict of new names to old .* or null, got \[1\]$'),
    ('{"a": true}', 'a dict of new names to old .* or null, got True$')])
def test_options__classes_are_no_names(content, message, convert, tmp_path):
    torch.save(dict(state_dict=make_state()), tmp_path / 'a.pth')
    (tmp_path / 'classes.json').write_text(content)
    with pytest.raises(ValueError, match=message):
        convert('mmseg2eomt', tmp_path / 'a.pth', tmp_path / 'b.bin',
                '--classes', tmp_path / 'classes.json')


def test_options__classes_are_nowhere(convert, tmp_path):
    torch.save(dict(state_dict=make_state()), tmp_path / 'a.pth')
    with pytest.raises(FileNotFoundError, match='no file .*none.json of nam'):
        convert('mmseg2eomt', tmp_path / 'a.pth', tmp_path / 'b.bin',
                '--classes', tmp_path / 'none.json')
    with pytest.raises(ValueError, match="list of names.* got ''$"):
        convert('mmseg2eomt', tmp_path / 'a.pth', tmp_path / 'b.bin',
                '--classes', '')


@pytest.mark.parametrize(('options', 'message'), [
    (('--patch-size', 0), '--patch-size must be at least 1, got 0'),
    (('--img-size', 0, 64), '--img-size must be at least 1, got 0'),
    (('--patch-size', '1e3'), "integer of at least 1, got '1e3'")])
def test_options__sizes_are_no_sizes(
        options, message, convert, tmp_path, capsys):
    with pytest.raises(SystemExit):
        convert('mmseg2eomt', tmp_path / 'a.pth', tmp_path / 'b', *options)
    assert message in capsys.readouterr().err


def test_options__ignored_names(convert, tmp_path):
    original = {**to_original(from_ours(make_state())),
                'network.extra.weight': torch.ones(1)}
    torch.save(original, tmp_path / 'a.bin')
    with pytest.raises(ValueError, match='unexpected: extra.weight'):
        convert('eomt2mmseg', tmp_path / 'a.bin', tmp_path / 'b.pth')
    convert('eomt2mmseg', tmp_path / 'a.bin', tmp_path / 'b.pth',
            '--ignore', 'extra')
    assert_same(torch.load(tmp_path / 'b.pth')['state_dict'], make_state())


def test_loading__reads_safetensors(convert, tmp_path):
    """Where MMEngine loads for `load_from` and for testing."""
    torch.save(dict(state_dict=make_state()), tmp_path / 'a.pth')
    convert('mmseg2eomt', tmp_path / 'a.pth', tmp_path / 'b.bin')
    convert('eomt2mmseg', tmp_path / 'b.bin', tmp_path / 'c.safetensors')
    loaded = CheckpointLoader.load_checkpoint(
        str(tmp_path / 'c.safetensors'), map_location='cpu')
    assert_same(loaded['state_dict'], make_state())


def test_camvid__back_to_the_bit(convert, tmp_path, shared_data_dir):
    source = shared_data_dir / 'eomt_s_camvid_official.bin'
    convert('eomt2mmseg', source, tmp_path / 'ours.safetensors')
    convert('mmseg2eomt', tmp_path / 'ours.safetensors',
            tmp_path / 'back.bin')
    assert_same(torch.load(tmp_path / 'back.bin', weights_only=True),
                torch.load(source, weights_only=True))


def test_options__names_of_too_few_classes(convert, tmp_path):
    """Hugging Face would draw a class head of another size anew."""
    torch.save(dict(state_dict=make_state()), tmp_path / 'a.pth')
    with pytest.raises(ValueError, match='names of 1 classes, the checkpoint '
                       'has 2; give all in --source-classes'):
        convert('mmseg2hf', tmp_path / 'a.pth', tmp_path / 'b',
                '--num-heads', 2, '--source-classes', 'road')
    assert not (tmp_path / 'b').exists()


@pytest.mark.parametrize('extras', [False, True])
def test_hugging_face__says_that_class_weights_are_new(
        extras, convert, tmp_path, capfd):
    MMLogger.get_instance(f'hugging_face_{extras}')
    weights = {'criterion.empty_weight': torch.tensor([2, 3, 0.5])}
    write_checkpoint(tmp_path / 'a.safetensors', make_state(),
                     extras=weights if extras else None)
    convert('mmseg2hf', tmp_path / 'a.safetensors', tmp_path / 'b',
            '--num-heads', 2)
    assert ('made criterion.empty_weight' in capfd.readouterr().out) == (
        not extras)
    found = load_file(tmp_path / 'b/model.safetensors')
    assert found['criterion.empty_weight'].tolist() == (
        [2, 3, 0.5] if extras else [1, 1, pytest.approx(0.1)])
