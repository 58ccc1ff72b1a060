import pytest
import torch

from mmseg_anomaly.model_conversion import read_checkpoint, write_checkpoint

WEIGHTS = dict(b=torch.arange(6.).view(2, 3).T, a=torch.ones(2).half())


@pytest.mark.parametrize('name', ['x.safetensors', 'x.pth', 'x.bin'])
def test_write__keeps_everything(name, tmp_path, assert_same):
    write_checkpoint(tmp_path / 'new' / name, WEIGHTS,
                     extras=dict(mean=torch.zeros(1).half()),
                     classes=['road', 'car'])
    tensors, about = read_checkpoint(tmp_path / 'new' / name)
    assert_same(tensors, WEIGHTS)
    assert_same(about['extras'], dict(mean=torch.zeros(1).half()))
    assert about['classes'] == ['road', 'car']
    assert [p.name for p in (tmp_path / 'new').iterdir()] == [name]


def test_write__plain_tensors(tmp_path):
    write_checkpoint(tmp_path / 'x.bin', WEIGHTS, plain=True)
    loaded = torch.load(tmp_path / 'x.bin', weights_only=True)
    assert loaded.keys() == WEIGHTS.keys()


@pytest.mark.parametrize('name', ['x.safetensors', 'x.pth'])
def test_write__over_what_is_read(name, tmp_path, assert_same):
    """Values that still are in the old file do not change."""
    path = tmp_path / name
    write_checkpoint(path, WEIGHTS)
    tensors, _ = read_checkpoint(path)
    write_checkpoint(path, {k: v + 1 for k, v in tensors.items()})
    assert_same(tensors, WEIGHTS)


def test_write__a_part_of_a_large_tensor(tmp_path):
    write_checkpoint(tmp_path / 'x.pth', dict(a=torch.ones(10**6)[:2]))
    assert (tmp_path / 'x.pth').stat().st_size < 10**4


def test_write__unknown_ending(tmp_path):
    with pytest.raises(ValueError, match='must end with .safetensors, .pth'):
        write_checkpoint(tmp_path / 'x.ckpt', WEIGHTS)


def test_read__classes_of_a_training_checkpoint(tmp_path):
    torch.save(dict(state_dict=WEIGHTS, optimizer=dict(step=3), meta=dict(
        dataset_meta=dict(classes=('road', 'car')))), tmp_path / 'x.pth')
    assert read_checkpoint(tmp_path / 'x.pth')[1]['classes'] == [
        'road', 'car']


def test_read__a_single_file_goes_before_shards(tmp_path, assert_same):
    """As from_pretrained does: shards may be left from an older model."""
    write_checkpoint(tmp_path / 'old.safetensors', dict(a=torch.zeros(1)))
    (tmp_path / 'model.safetensors.index.json').write_text(
        '{"weight_map": {"a": "old.safetensors"}}')
    write_checkpoint(tmp_path / 'model.safetensors', WEIGHTS)
    assert_same(read_checkpoint(tmp_path)[0], WEIGHTS)


@pytest.mark.parametrize('name', [
    'config.json', 'model.safetensors.index.json'])
@pytest.mark.parametrize(('content', 'message'), [
    ('', 'could not be read as JSON, perhaps it is cut off'),
    ('{"a": ', 'could not be read as JSON, perhaps it is cut off'),
    ('[]', 'must hold a dict, got a list; get or write it again')])
def test_read__says_what_is_wrong_beside_the_weights(
        name, content, message, tmp_path):
    if name == 'config.json':
        write_checkpoint(tmp_path / 'model.safetensors', WEIGHTS)
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=f'{name} {message}'):
        read_checkpoint(tmp_path)


def test_read__an_index_of_nothing(tmp_path):
    (tmp_path / 'model.safetensors.index.json').write_text('{"metadata": {}}')
    with pytest.raises(ValueError, match='index.json names no files'):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize(('content', 'message'), [
    ('{"id2label": null}', r'must have `id2label` as dict\[str, str\]'),
    ('{"id2label": {"0": 1}}', r'must have `id2label` as dict\[str, str\]'),
    ('{"id2label": {"a": "road"}}', "numbers a class 'a' in `id2label`"),
])
def test_read__config_that_names_no_classes(content, message, tmp_path):
    write_checkpoint(tmp_path / 'model.safetensors', WEIGHTS)
    (tmp_path / 'config.json').write_text(content)
    with pytest.raises(ValueError, match=f'config.json {message}'):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize('content', [
    '{"weight_map": ["a"]}', '{"weight_map": {"a": null}}'])
def test_read__index_of_another_type(content, tmp_path):
    (tmp_path / 'model.safetensors.index.json').write_text(content)
    with pytest.raises(ValueError, match='index.json must have `weight_map`'):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize(('about', 'message'), [
    (dict(classes='[1]'), r'`classes` of .*x.pth must hold a list\[str\]'),
    (dict(classes='["a'), '`classes` of .*x.pth could not be read as JSON'),
    (dict(carried_tensors='AAAA'), '`carried_tensors` of .*x.pth cannot be'),
    (dict(carried_tensors=3), 'x.pth must have `carried_tensors` as str'),
])
def test_read__notes_that_are_damaged(about, message, tmp_path):
    torch.save(dict(state_dict=WEIGHTS, meta=about), tmp_path / 'x.pth')
    with pytest.raises(ValueError, match=message):
        read_checkpoint(tmp_path / 'x.pth')


def test_read__tensor_of_two_files(tmp_path):
    for name in 'ab':
        write_checkpoint(tmp_path / f'{name}.safetensors', WEIGHTS)
    (tmp_path / 'model.safetensors.index.json').write_text(
        '{"weight_map": {"x": "a.safetensors", "y": "b.safetensors"}}')
    with pytest.raises(ValueError, match='b.safetensors holds .*, which '
                       'another file of .* holds, too'):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize('name', [
    '../a.safetensors', '/a.safetensors', 'b/../../a.safetensors'])
def test_read__index_that_leaves_its_folder(name, tmp_path):
    write_checkpoint(tmp_path / 'a.safetensors', WEIGHTS)
    (tmp_path / 'model').mkdir()
    index = tmp_path / 'model' / 'model.safetensors.index.json'
    index.write_text(f'{{"weight_map": {{"x": "{name}"}}}}')
    with pytest.raises(ValueError, match=f"names '{name}', which is no file"):
        read_checkpoint(tmp_path / 'model')
