"""No entry point runs what a checkpoint asks for."""
import os
import pickle
import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import CheckpointLoader
from mmseg.apis import MMSegInferencer, init_model

REPOSITORY = Path(__file__).resolve().parents[2]


class MakesFolder:
    """Pickles into a call that would leave a trace."""

    def __init__(self, path) -> None:
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path, )


@pytest.fixture
def trace(tmp_path):
    """A folder that appears if the checkpoint has its way."""
    return tmp_path / 'trace'


@pytest.fixture
def bad(tmp_path, trace, request):
    """A checkpoint with code among its weights, or next to them."""
    path = tmp_path / 'bad.pth'
    torch.save(dict(state_dict={'backbone.cls_token': torch.ones(1)},
                    meta=dict(iter=1, epoch=0, harmless=MakesFolder(trace))),
               path)
    return path


@pytest.fixture
def refuses(trace):
    """Return a context in which the checkpoint must be refused by name."""
    def context(name='bad.pth'):
        return pytest.raises(
            (pickle.UnpicklingError, ValueError, FileNotFoundError),
            match=re.escape(name) + '.*(posix.mkdir|refused)')

    yield context
    assert not trace.exists()


def test_file__would_leave_a_trace(bad, trace):
    torch.load(bad, weights_only=False)
    assert trace.is_dir()


TOOLS = {
    'test': ('test', '{config}', '{bad}'),
    'publish_model': ('misc/publish_model', '{config}', '{bad}', 'out'),
    'choose_threshold': ('analysis_tools/choose_threshold', '{config}',
                         '{bad}', '--fpr', '0.1'),
    'extract_head': ('misc/extract_head', '{bad}', 'head.safetensors'),
    'eomt2mmseg': ('model_converters/eomt2mmseg', '{bad}', 'out.pth'),
    'hf2mmseg': ('model_converters/hf2mmseg', '{bad}', 'out.pth'),
    'mmseg2eomt': ('model_converters/mmseg2eomt', '{bad}', 'out.bin'),
    'mmseg2hf': ('model_converters/mmseg2hf', '{bad}', 'out'),
    'erfnet2mmseg': ('model_converters/erfnet2mmseg', '{bad}', 'out.pth'),
    'train: load_from': ('train', '{config}', '--cfg-options',
                         'load_from={bad}'),
    'train: resumed load_from': ('train', '{config}', '--resume',
                                 '--cfg-options', 'load_from={bad}'),
    'train: pretrained': ('train', '{eomt}', '--cfg-options',
                          'model.backbone.pretrained={bad}',
                          'model.decode_head.pretrained={bad}'),
    'train: init_cfg': ('train', '{config}', '--cfg-options',
                        'model.backbone.init_cfg.type=Pretrained',
                        'model.backbone.init_cfg.checkpoint={bad}'),
}


def test_tools__that_read_checkpoints_are_all_tried():
    tried = {Path(arguments[0]).name for arguments in TOOLS.values()}
    reading = set()
    for path in (REPOSITORY / 'tools').rglob('*.py'):
        text = path.read_text()
        if re.search(r"add_argument\(\s*'(checkpoint|src)'", text):
            reading.add(path.stem)
    assert len(reading) > 8
    # tested below, for it takes a folder of data
    assert reading - tried == {'benchmark_anomaly'}


@pytest.mark.parametrize('arguments', TOOLS.values(), ids=TOOLS)
def test_tool__refuses_code(
        arguments, bad, refuses, tiny_eomt_config, run_tool):
    names = dict(bad=bad, eomt=tiny_eomt_config,
                 config=tiny_eomt_config.with_name('tiny.py'))
    name, *rest = arguments
    with refuses():
        run_tool(name, *[part.format(**names) for part in rest])


def test_benchmark__refuses_code(bad, refuses, config, data_root, run_tool):
    with refuses():
        run_tool('benchmark_anomaly', config, bad, '--data-root', data_root,
                 '--datasets', 'road_anomaly21')


def test_backbone_of_a_difference__refuses_code(
        bad, refuses, checkpoint, tmp_path, run_tool):
    run_tool('model_converters/mmseg2eomt', checkpoint, tmp_path / 'a.bin',
             '--ignore', 'blocks')
    with refuses():
        run_tool('model_converters/eomt2mmseg', tmp_path / 'a.bin', 'b.pth',
                 '--ignore', 'blocks', '--backbone', bad)


def test_folder_of_hugging_face__refuses_code(bad, refuses, run_tool):
    folder = bad.with_name('hf')
    folder.mkdir()
    bad.rename(folder / 'pytorch_model.bin')
    with refuses('pytorch_model.bin'):
        run_tool('model_converters/hf2mmseg', folder, 'out.pth')


def test_resume__runs_no_code(bad, trace, tiny_config, run_tool):
    work_dir = bad.with_name('work')
    work_dir.mkdir()
    newest = bad.rename(work_dir / 'iter_2.pth')
    (work_dir / 'last_checkpoint').write_text(str(newest))
    with pytest.raises((pickle.UnpicklingError, ValueError),
                       match=r'iter_2\.pth'):
        run_tool('train', tiny_config, '--work-dir', work_dir, '--resume')
    assert not trace.exists()


def test_head__refuses_code(
        bad, refuses, tiny_pixel_head_config, checkpoint, run_tool):
    with refuses():
        run_tool('test', tiny_pixel_head_config, checkpoint, '--cfg-options',
                 f'custom_hooks.0.head={bad}')


@pytest.fixture
def scope():
    before = dict(DefaultScope._instance_dict)
    yield
    DefaultScope._instance_dict.clear()
    DefaultScope._instance_dict.update(before)


@pytest.mark.parametrize('door', [
    lambda cfg, bad: init_model(cfg, bad, device='cpu'),
    lambda cfg, bad: MMSegInferencer(cfg, bad, device='cpu'),
    lambda cfg, bad: MMSegInferencer(weights=bad, model=None),
    lambda cfg, bad: CheckpointLoader.load_checkpoint(bad)],
    ids=['init_model', 'inferencer', 'inferencer alone', 'loader'])
def test_function__refuses_code(door, bad, refuses, tiny_config, scope):
    with refuses():
        door(Config.fromfile(tiny_config), str(bad))


def test_address__refuses_code(bad, refuses, tmp_path, monkeypatch):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    monkeypatch.setattr(
        torch.hub, 'download_url_to_file',
        lambda url, path: Path(path).write_bytes(bad.read_bytes()))
    with refuses('bad-'):
        CheckpointLoader.load_checkpoint('https://example.org/bad.pth')
