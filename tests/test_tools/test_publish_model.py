"""A published folder gives the numbers of its card back."""
import json
import math
import re
import shutil
import subprocess

import numpy as np
import pytest
import torch
import yaml
from mmengine.config import Config
from mmseg.apis import inference_model, init_model
from safetensors import safe_open

from mmseg_anomaly.engine import load_from_local
from mmseg_anomaly.file_hash import sha256_of
from mmseg_anomaly.model_card import model_card


@pytest.fixture
def checkpoint(tiny_eomt_config, tmp_path, run_tool):
    run_tool('train', tiny_eomt_config, '--work-dir', tmp_path / 'trained',
             '--cfg-options', 'train_cfg.max_iters=2')
    return tmp_path / 'trained' / 'iter_2.pth'


def test_published_folder__gives_its_numbers_back(
        tiny_eomt_config, checkpoint, tmp_path, run_tool, read_metrics):
    run_tool('misc/publish_model', tiny_eomt_config, checkpoint, 'first',
             '--name', 'A model', '--license', 'apache-2.0')
    out = tmp_path / 'moved'
    shutil.move(tmp_path / 'first', out)

    run_tool('test', out / 'config.py', out / 'model.safetensors',
             '--work-dir', tmp_path / 'again')

    metrics = json.loads((out / 'metrics.json').read_text())
    assert read_metrics(tmp_path / 'again') == metrics
    assert {'mIoU', 'anomaly/AuPRC', 'anomaly/energy/FPR95'} <= set(metrics)
    card = (out / 'README.md').read_text()
    _, header, text = card.split('---\n', 2)
    header = yaml.safe_load(header)
    assert header['license'] == 'apache-2.0'
    result, = header['model-index'][0]['results']
    assert {row['type']: row['value'] for row in result['metrics']} == {
        key: value for key, value in metrics.items() if math.isfinite(value)}
    assert f'| mIoU | {metrics["mIoU"]:.4f} |' in re.sub(' +', ' ', text)
    subprocess.run(['sha256sum', '-c', 'SHA256SUMS'], cwd=out, check=True,
                   capture_output=True)
    assert len((out / 'SHA256SUMS').read_text().splitlines()) == 5


def test_published_folder__holds_the_weights_alone_and_their_protocol(
        tiny_eomt_config, checkpoint, tmp_path, run_tool):
    out = tmp_path / 'out'
    run_tool('misc/publish_model', tiny_eomt_config, checkpoint, out,
             '--cfg-options', f'load_from={checkpoint}')

    trained = load_from_local(checkpoint)
    assert 'optimizer' in trained
    published = load_from_local(out / 'model.safetensors')
    assert set(published) == set(trained['state_dict'])
    for key, value in trained['state_dict'].items():
        assert torch.equal(published[key], value), key
    with safe_open(out / 'model.safetensors', 'pt') as file:
        assert json.loads(file.metadata()['classes']) == [
            'dark', 'bright', 'other']
    model = init_model(str(out / 'config.py'),
                       str(out / 'model.safetensors'), device='cpu')
    meta = trained['meta']['dataset_meta']
    assert model.dataset_meta == dict(
        classes=('dark', 'bright', 'other'), palette=meta['palette'])
    result = inference_model(model, np.zeros((16, 20), np.uint8))
    assert result.pred_anomaly_map.data.shape == (1, 16, 20)
    cfg = Config.fromfile(out / 'config.py')
    assert cfg.load_from is None
    assert 'work_dir' not in cfg
    protocol = json.loads((out / 'protocol.json').read_text())
    assert protocol['checkpoint'] == dict(
        file='iter_2.pth', sha256=sha256_of(checkpoint))
    assert protocol['weights_sha256'] == sha256_of(out / 'model.safetensors')
    assert protocol['precision'] == 'float32'
    assert protocol['windows'].startswith('windows (16, 16)')
    assert protocol['scorers']['energy'] == '-T logsumexp_c(S_c / T), T = 1'
    # 5 images of 16 x 16, 4 x 5 pixels of each anomalous
    assert protocol['dataset']['num_images'] == 5
    counted, = protocol['dataset']['anomalies']
    assert (counted['num_pixels'], counted['num_positives']) == (1280, 100)
    assert protocol['versions']['torch'] == torch.__version__
    assert 'was not stated' in (out / 'README.md').read_text()


def test_publish__puts_head_and_model_into_one_file(
        tiny_pixel_head_config, checkpoint, tmp_path, run_tool):
    plain = load_from_local(checkpoint)
    torch.save(dict(state_dict=plain['state_dict']), tmp_path / 'plain.pth')
    run_tool('train', tiny_pixel_head_config, '--work-dir',
             tmp_path / 'head', '--cfg-options', 'train_cfg.max_iters=2')
    whole = tmp_path / 'head' / 'iter_2.pth'
    run_tool('misc/extract_head', whole, tmp_path / 'head.safetensors')

    run_tool('misc/publish_model', tiny_pixel_head_config,
             tmp_path / 'plain.pth', tmp_path / 'out', '--cfg-options',
             f'custom_hooks.0.head={tmp_path / "head.safetensors"}')

    published = load_from_local(tmp_path / 'out' / 'model.safetensors')
    expected = load_from_local(whole)['state_dict']
    assert set(published) == set(expected)
    for key, value in expected.items():
        assert torch.equal(published[key], value), key
    cfg = Config.fromfile(tmp_path / 'out' / 'config.py')
    assert cfg.custom_hooks[0].head is None


def test_publish__keeps_the_threshold_of_a_file(
        tiny_eomt_config, checkpoint, tmp_path, run_tool, read_metrics):
    threshold = tmp_path / 'energy.threshold.json'
    content = dict(scorer='energy', threshold=-0.1,
                   checkpoint_sha256=sha256_of(checkpoint))
    config = tiny_eomt_config.with_name('components.py')
    config.write_text(
        f"_base_ = ['{tiny_eomt_config.name}']\n"
        "test_evaluator = [dict(type='AnomalyMetric'), "
        f"dict(type='ComponentMetric', threshold='{threshold}')]\n")
    threshold.write_text(json.dumps(dict(content, checkpoint_sha256='0')))
    with pytest.raises(ValueError, match='chosen for another checkpoint'):
        run_tool('misc/publish_model', config, checkpoint, 'out')
    assert not (tmp_path / 'out').exists()

    threshold.write_text(json.dumps(content))
    run_tool('misc/publish_model', config, checkpoint, 'out')
    threshold.unlink()
    run_tool('test', 'out/config.py', 'out/model.safetensors',
             '--work-dir', tmp_path / 'again')
    metrics = json.loads((tmp_path / 'out' / 'metrics.json').read_text())
    assert any('energy' in name and 'sIoU' in name for name in metrics)
    np.testing.assert_equal(read_metrics(tmp_path / 'again'), metrics)


def test_publish__leaves_what_is_there_alone(
        tiny_config, tmp_path, run_tool):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out' / 'notes.txt').write_text('mine')
    with pytest.raises(FileExistsError, match='out is not empty: name'):
        run_tool('misc/publish_model', tiny_config, 'unread.pth',
                 tmp_path / 'out')


def test_publish__is_done_by_one_process(tiny_config, run_tool):
    with pytest.raises(ValueError, match='got --launcher pytorch: leave it'):
        run_tool('misc/publish_model', tiny_config, 'unread.pth', 'out',
                 '--launcher', 'pytorch')


def test_model_card__shows_what_is_undefined_as_no_result():
    protocol = dict(
        config='a.py', checkpoint=dict(file='a.pth', sha256='0' * 64),
        windows='whole image', precision='float32', void='void', scorers={},
        device='cpu', versions={}, dataset=dict(
            type='Roads', num_images=2, num_classes=3, anomalies=[]))
    card = model_card('a', {'mIoU': 50.0, 'anomaly/AuPRC': math.nan},
                      protocol, None)
    header = yaml.safe_load(card.split('---\n')[1])
    result, = header['model-index'][0]['results']
    assert result['metrics'] == [dict(type='mIoU', value=50.0)]
    assert re.search(r'\| anomaly/AuPRC +\| nan +\|', card)
    assert '`Roads`, 2 images, 3 classes.' in card
