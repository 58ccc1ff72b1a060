"""A pixel head trained, resumed, extracted and tested by the tools."""
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS

from mmseg_anomaly.engine import load_from_local
from mmseg_anomaly.engine.head_checkpoint import base_of
from mmseg_anomaly.safe_loading import metadata_of


@pytest.fixture
def plain(tiny_eomt_config, tmp_path):
    """The checkpoint of an EoMT, as if trained: masks are annealed."""
    init_default_scope('mmseg')
    torch.manual_seed(7)
    model = MODELS.build(Config.fromfile(tiny_eomt_config).model)
    model.decode_head.set_attn_mask_probs((0, 0.5))
    path = tmp_path / 'plain.pth'
    torch.save(dict(state_dict=model.state_dict()), path)
    return path


def seg_logits(config, checkpoint):
    model = MODELS.build(Config.fromfile(config).model).eval()
    model.load_state_dict(load_from_local(checkpoint)['state_dict'])
    images = torch.randn(2, 3, 20, 24,
                         generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        samples = model.predict(images)
    return torch.stack([sample.seg_logits.data for sample in samples])


def test_training__leaves_the_frozen_model_as_it_was(
        plain, tiny_eomt_config, tiny_pixel_head_config, tmp_path, run_tool):
    expected = load_from_local(plain)['state_dict']
    work_dir = tmp_path / 'head'
    heads = []
    for options in ([], ['--resume', '--cfg-options',
                         'train_cfg.max_iters=6']):
        run_tool('train', tiny_pixel_head_config, '--work-dir', work_dir,
                 *options)
        last = (work_dir / 'last_checkpoint').read_text()
        checkpoint = load_from_local(last)
        base = base_of(checkpoint['state_dict'])
        assert set(base) == set(expected)
        for key, value in expected.items():
            assert torch.equal(base[key], value), key
        groups = checkpoint['optimizer']['param_groups']
        assert sum(len(group['params']) for group in groups) == 6
        heads.append(
            checkpoint['state_dict']['decode_head.mlp.first.weight'])
    assert checkpoint['meta']['iter'] == 6
    assert not torch.equal(*heads)
    assert torch.equal(seg_logits(tiny_pixel_head_config, last),
                       seg_logits(tiny_eomt_config, plain))


def test_head_alone__tests_like_the_whole_on_its_base_only(
        plain, tiny_pixel_head_config, tmp_path, run_tool, read_metrics,
        capsys):
    config = tiny_pixel_head_config
    head = tmp_path / 'head.safetensors'
    run_tool('train', config, '--work-dir', tmp_path / 'head',
             '--cfg-options', 'train_cfg.max_iters=2')
    whole = tmp_path / 'head' / 'iter_2.pth'
    run_tool('misc/extract_head', whole, head)
    assert 'Wrote the head of `plain.pth`' in capsys.readouterr().out
    assert metadata_of(head)['base_name'] == 'plain.pth'

    attach = ['--cfg-options', f'custom_hooks.0.head={head}']
    run_tool('test', config, plain, '--work-dir', tmp_path / 'a', *attach)
    run_tool('test', config, whole, '--work-dir', tmp_path / 'b')
    metrics = read_metrics(tmp_path / 'a')
    assert metrics == read_metrics(tmp_path / 'b')
    assert {'anomaly/pixel_head/AuPRC', 'anomaly/energy/AuPRC'} <= set(
        metrics)

    other = load_from_local(plain)
    other['state_dict']['backbone.cls_token'] += 1
    torch.save(other, tmp_path / 'other.pth')
    with pytest.raises(ValueError, match=(
            'head.safetensors` was trained on `plain.pth`.*not on '
            '`other.pth`')):
        run_tool('test', config, tmp_path / 'other.pth', *attach)


def test_training__without_a_model_says_what_to_do(
        tiny_pixel_head_config, run_tool):
    with pytest.raises(RuntimeError, match='needs a trained EoMT'):
        run_tool('train', tiny_pixel_head_config, '--cfg-options',
                 'load_from=None')
    with pytest.raises(FileNotFoundError, match='train the model that'):
        run_tool('train', tiny_pixel_head_config)
