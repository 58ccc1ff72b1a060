"""With Hugging Face's own class, which must read what is written."""
import json

import mmcv
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from mmseg_anomaly.model_conversion import (
    change_sizes,
    from_hugging_face,
    from_original,
    from_ours,
    read_checkpoint,
    to_hugging_face,
    to_original,
    to_ours,
)
from mmseg_anomaly.model_conversion.hugging_face import (
    make_config,
    write_folder,
)
from mmseg_anomaly.models.backbones import EoMTViT
from mmseg_anomaly.models.decode_heads import EoMTDecodeHead

ARCHS = ['registers', 'class_position', 'all_positions']


@pytest.fixture
def hugging_face():
    transformers = pytest.importorskip('transformers')
    if not hasattr(transformers, 'EomtForUniversalSegmentation'):
        pytest.skip(f'transformers {transformers.__version__} has no EoMT')
    return transformers.EomtForUniversalSegmentation


def write(weights, path, num_heads=2):
    state_dict, extras = to_hugging_face(weights)
    write_folder(path, state_dict, extras, make_config(weights, num_heads))
    return path


@pytest.mark.parametrize('arch', ARCHS)
def test_round_trip__ours(arch, make_model, assert_same, tmp_path):
    state = make_model(arch).state_dict()
    tensors, about = read_checkpoint(write(from_ours(state), tmp_path))
    weights = from_hugging_face(tensors, about.get('extras'))
    assert_same(to_ours(weights), state)


@pytest.mark.parametrize('arch', ARCHS)
@pytest.mark.parametrize('probs', [0., 1.])
def test_outputs__are_those_of_the_class(arch, probs, make_model,
                                         hugging_face, tmp_path):
    model = make_model(arch)
    model.decode_head.set_attn_mask_probs([probs])
    folder = write(from_ours(model.state_dict()), tmp_path)
    theirs, info = hugging_face.from_pretrained(
        folder, output_loading_info=True)
    assert not any(info.values())
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        found, expected = model(images)[-1], theirs.eval()(images)
    torch.testing.assert_close(
        found.mask_logits, expected.masks_queries_logits, atol=1e-4, rtol=0)
    torch.testing.assert_close(
        found.class_logits, expected.class_queries_logits, atol=1e-4, rtol=0)


def test_read__what_the_class_saves_in_shards(make_model, hugging_face,
                                              tmp_path, assert_same):
    state = make_model().state_dict()
    theirs = hugging_face.from_pretrained(
        write(from_ours(state), tmp_path / 'one'))
    theirs.save_pretrained(tmp_path / 'many', max_shard_size='20KB')
    assert len(list((tmp_path / 'many').glob('*.safetensors'))) > 2
    tensors, about = read_checkpoint(tmp_path / 'many')
    assert_same(to_ours(from_hugging_face(tensors)), state)
    assert about['classes'] == [f'LABEL_{index}' for index in range(4)]


def test_read__class_position_without_what_was_carried(make_model):
    """Another program saved the file: the model is the same."""
    model = make_model('class_position')
    tensors, _ = to_hugging_face(from_ours(model.state_dict()))
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        expected = model(images)[-1].class_logits
        model.load_state_dict(to_ours(from_hugging_face(tensors)))
        assert not model.backbone.pos_embed[:, 0].any()
        assert torch.equal(model(images)[-1].class_logits, expected)


def test_read__class_token_changed_since(make_model):
    weights = from_ours(make_model('class_position').state_dict())
    tensors, extras = to_hugging_face(weights)
    tensors['embeddings.cls_token'] = tensors['embeddings.cls_token'] + 1
    vit = from_hugging_face(tensors, extras).vit
    assert torch.equal(vit['cls_token'], tensors['embeddings.cls_token'])
    assert not vit['pos_embed'][:, 0].any()


@pytest.mark.parametrize('run', ['p1', 'p0', 'p01'])
def test_reference__logits(run, reference_dir, assert_same):
    state = load_file(reference_dir / 'B_eomt_hf_state.safetensors')
    meta = json.loads((reference_dir / 'B_eomt_hf.json').read_text())
    io = np.load(reference_dir / 'B_eomt_hf_io.npz')
    vit = dict(arch=dict(embed_dim=48, num_heads=3, depth=5, reg_tokens=4,
                         no_embed_class=True, init_values=1e-5),
               img_size=(64, 64), num_joint_blocks=2)
    model = torch.nn.ModuleDict(dict(
        backbone=EoMTViT(**vit),
        decode_head=EoMTDecodeHead(**vit, num_classes=5, num_queries=7)))
    weights = from_hugging_face(state)
    model.eval().load_state_dict(to_ours(weights))
    model.decode_head.set_attn_mask_probs(meta['runs'][run]['probs'])
    with torch.no_grad():
        prediction = model.decode_head(
            model.backbone(torch.from_numpy(io['pixel_values'])))[-1]
    for name, theirs in (('mask_logits', 'masks_queries_logits'),
                         ('class_logits', 'class_queries_logits')):
        torch.testing.assert_close(
            getattr(prediction, name),
            torch.from_numpy(io[f'{run}.{theirs}']), atol=1e-4, rtol=0)
    assert_same(to_hugging_face(weights)[0], state)
    config = make_config(weights, num_heads=3)
    assert {k: meta['config'][k] for k in config if k in meta['config']} == {
        k: v for k, v in config.items() if k in meta['config']}


def camvid_image(shared_data_dir, size_hw):
    path = sorted((shared_data_dir / 'camvid/images/val').glob('*.jpg'))[0]
    image = mmcv.imresize(mmcv.imread(path), size_hw[::-1], backend='pillow')
    image = mmcv.imnormalize(image, np.array([123.675, 116.28, 103.53]),
                             np.array([58.395, 57.12, 57.375]))
    return torch.from_numpy(image).permute(2, 0, 1)[None]


def test_camvid__outputs_are_those_of_the_class(
        hugging_face, shared_data_dir, log, tmp_path):
    """The class takes squares only, so that is what both are made for."""
    size = (352, 352)
    tensors, _ = read_checkpoint(
        shared_data_dir / 'eomt_s_camvid_official.bin')
    weights = change_sizes(from_original(tensors),
                           img_size=size, source_img_size=(352, 480))
    vit = dict(arch='vit_small_patch14_dinov2', img_size=size)
    model = torch.nn.ModuleDict(dict(
        backbone=EoMTViT(**vit),
        decode_head=EoMTDecodeHead(**vit, num_classes=11))).eval()
    model.load_state_dict(to_ours(weights))
    theirs = hugging_face.from_pretrained(
        write(weights, tmp_path, num_heads=None)).eval()
    image = camvid_image(shared_data_dir, size)
    with torch.no_grad():
        found = model['decode_head'](model['backbone'](image))[-1]
        expected = theirs(image)
    torch.testing.assert_close(
        found.mask_logits, expected.masks_queries_logits, atol=1e-4, rtol=0)
    torch.testing.assert_close(
        found.class_logits, expected.class_queries_logits, atol=1e-4, rtol=0)


def test_config__gated_layers(make_model):
    weights = from_ours(make_model().state_dict())
    for index in range(3):
        block = f'blocks.{index}.mlp.'
        weights.vit[f'{block}fc1.weight'] = torch.ones(96, 16)
        weights.vit[f'{block}fc1.bias'] = torch.ones(96)
        weights.vit[f'{block}fc2.weight'] = torch.ones(16, 48)
    config = make_config(weights, num_heads=2)
    assert config['use_swiglu_ffn']
    assert (int(16 * config['mlp_ratio'] * 2 / 3) + 7) // 8 * 8 == 48
    assert 'layers.0.mlp.weights_in.bias' in to_hugging_face(weights)[0]


def test_config__heads_do_not_fit(make_model):
    weights = from_ours(make_model().state_dict())
    with pytest.raises(ValueError, match='width 16 cannot have 3 heads'):
        make_config(weights, num_heads=3)
    with pytest.raises(ValueError, match='cannot have 0 heads .*--num-heads'):
        make_config(weights)


def test_write__rectangle(make_model, log):
    weights = from_ours(make_model(img_size=(48, 80)).state_dict())
    with pytest.raises(ValueError, match='square images only: give a square'):
        to_hugging_face(weights)
    weights = change_sizes(weights, img_size=(64, 64),
                           source_img_size=(48, 80))
    assert make_config(weights, 2)['image_size'] == 64


def test_write__rotary(make_model):
    with pytest.raises(ValueError, match='holds ViTs of DINOv2'):
        to_hugging_face(from_ours(make_model('rotary').state_dict()))


def test_read__another_model():
    with pytest.raises(ValueError, match='no EomtForUniversalSegmentation'):
        from_hugging_face({'classifier.weight': torch.ones(1)})


def test_read__dinov3_of_later_versions(make_model, assert_same):
    """The names are those that transformers' own conversion writes."""
    state = make_model('rotary').state_dict()
    renames = (('network.encoder.backbone.blocks.', 'layers.'),
               ('network.encoder.backbone.norm.', 'layernorm.'),
               ('network.encoder.backbone.patch_embed.', 'embeddings.'))
    tensors = {}
    for key, value in to_original(from_ours(state)).items():
        for old, new in renames:
            key = key.replace(old, new)
        if not key.startswith('network.'):
            tensors[key] = value
    registers = from_ours(make_model('registers').state_dict())
    registers.head.update(from_ours(state).head)
    head = {k: v for k, v in to_hugging_face(registers)[0].items()
            if not k.startswith(('embeddings.', 'layers.', 'layernorm.'))}
    assert_same(to_ours(from_hugging_face({**tensors, **head})), state)


def test_folder__lacks_a_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='is no model of Hugging'):
        read_checkpoint(tmp_path)
    (tmp_path / 'model.safetensors.index.json').write_text(json.dumps(
        dict(weight_map=dict(a='a.safetensors', b='b.safetensors'))))
    save_file(dict(a=torch.ones(1)), tmp_path / 'a.safetensors')
    with pytest.raises(FileNotFoundError, match='lacks b.safetensors'):
        read_checkpoint(tmp_path)
