"""No tool writes over what it reads."""
import shutil
from pathlib import Path

import pytest
import torch

REPOSITORY = Path(__file__).resolve().parents[2]
CONVERTERS = ('eomt2mmseg', 'hf2mmseg', 'mmseg2eomt', 'erfnet2mmseg')


@pytest.fixture
def refuse(load_tool, tmp_path, monkeypatch):
    """Calls a tool that must leave all files as they were."""
    monkeypatch.chdir(tmp_path)

    def run(tool: str, *arguments: str | Path) -> None:
        before = {path: path.read_bytes() for path in tmp_path.rglob('*')
                  if path.is_file()}
        with pytest.raises(ValueError, match=(
                'cannot be written, because it is .* read; name another')):
            load_tool(f'{tool}.py').main([str(x) for x in arguments])
        assert before == {path: path.read_bytes() for path in before}

    return run


@pytest.fixture
def model(tmp_path) -> Path:
    path = tmp_path / 'm.pth'
    torch.save(dict(state_dict=dict(a=torch.ones(1)), optimizer={}), path)
    return path


@pytest.mark.parametrize('tool', CONVERTERS)
def test_converter__refuses_its_source(tool, model, refuse, tmp_path):
    (tmp_path / 'link.bin').symlink_to(model)
    for out in (model, './m.pth', tmp_path / 'link.bin'):
        refuse(f'model_converters/{tool}', model, out)


def test_converter__refuses_every_file_it_reads(model, refuse, tmp_path):
    for name in ('backbone.safetensors', 'names.json'):
        (tmp_path / name).touch()
    folder = tmp_path / 'hf'
    folder.mkdir()
    shutil.copy(model, folder / 'model.safetensors')
    refuse('model_converters/eomt2mmseg', model, 'backbone.safetensors',
           '--backbone', 'backbone.safetensors')
    refuse('model_converters/mmseg2eomt', model, 'names.json', '--classes',
           tmp_path / 'names.json')
    refuse('model_converters/hf2mmseg', folder, 'hf/model.safetensors')
    refuse('model_converters/mmseg2hf', 'hf/model.safetensors', folder)


def test_head_and_pack__refuse_their_source(model, refuse, tmp_path):
    head = model.rename(tmp_path / 'm.safetensors')
    refuse('misc/extract_head', head, head)
    (tmp_path / 'objects.pack').touch()
    refuse('dataset_converters/coco_outliers', tmp_path, '--ann-file',
           'objects.pack', '-o', 'objects.pack')


@pytest.mark.parametrize('out', ['tiny.py', 'm.pth'])
def test_threshold__refuses_config_and_checkpoint(
        out, tiny_config, model, refuse):
    refuse('analysis_tools/choose_threshold', tiny_config, model, '--fpr',
           '0.1', '-o', out)


def test_report__refuses_a_threshold_of_its_name(
        tiny_config, model, refuse, tmp_path, monkeypatch):
    (tmp_path / 'results.json').touch()
    monkeypatch.setattr('mmseg_anomaly.evaluation.threshold_file'
                        '.read_threshold', lambda *_: None)
    refuse('benchmark_anomaly', tiny_config, 'results.json', '--data-root',
           tmp_path, '--work-dir', tmp_path)


def test_published_model__is_not_its_source(tiny_config, model, refuse):
    refuse('misc/publish_model', tiny_config, model, model)


def test_audit__refuses_pictures_of_its_set(tiny_config, refuse, tmp_path):
    images = tmp_path / 'data/val/images'
    sheet = (images / 'contact_sheet.jpg')
    (images / '0.png').rename(sheet)
    (tmp_path / 'data/val/labels/0.png').rename(
        tmp_path / 'data/val/labels/contact_sheet.png')
    refuse('dataset_converters/audit', tiny_config, '-o', images,
           '--cfg-options', 'test_dataloader.dataset.img_suffix=.jpg')
