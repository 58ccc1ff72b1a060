"""Every config builds what it names, without data and without weights."""
import functools
import inspect
import json
from pathlib import Path

import pytest
import torch
import yaml
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmseg.registry import (
    DATA_SAMPLERS,
    DATASETS,
    HOOKS,
    LOOPS,
    METRICS,
    MODELS,
    PARAM_SCHEDULERS,
    RUNNERS,
    VISUALIZERS,
)

import mmseg_anomaly  # noqa: F401

ROOT = Path(__file__).resolve().parents[1]
CONFIG_DIR = ROOT / 'configs'
# The configs of benchmarks hold no model; see test_benchmark_configs.py.
CONFIGS = sorted(
    str(path.relative_to(CONFIG_DIR)) for path in CONFIG_DIR.glob('*/**/*.py')
    if not {'_base_', 'benchmarks'} & set(path.relative_to(CONFIG_DIR).parts))
FOLDERS = sorted({Path(name).parent.name for name in CONFIGS})
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def as_list(entry):
    return list(entry) if isinstance(entry, list | tuple) else [entry]


def check_outlier_source(transform: dict) -> None:
    """A source reads files when it is built: check its arguments only."""
    source = dict(transform.pop('source'))
    inspect.signature(DATASETS.get(source.pop('type'))).bind(**source)
    transform['source'] = ['a cut-out']


def write_manifest(data_root: str, num_classes: int) -> None:
    """What a StaticAnomalyDataset reads when it is built."""
    Path(data_root).mkdir(parents=True, exist_ok=True)
    classes = [f'class {index}' for index in range(num_classes)]
    Path(data_root, 'manifest.json').write_text(json.dumps(
        dict(classes=classes, palette=[], images=[dict(
            image='images/0.png', annotation='annotations/0.png')])))


def build_dataset(cfg: dict, num_classes: int):
    if cfg.type == 'StaticAnomalyDataset':
        write_manifest(cfg.data_root, num_classes)
    for transform in cfg.pipeline:
        if 'source' in transform:
            check_outlier_source(transform)
    return DATASETS.build(dict(cfg, lazy_init=True))


@pytest.fixture
def load_config(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    init_default_scope('mmseg')
    # The values do not matter, and a large ViT takes seconds to draw them.
    for name in ('uniform_', 'normal_', 'erfinv_'):
        monkeypatch.setattr(torch.Tensor, name, lambda x, *_, **__: x)
    # mmpretrain reads its values while it builds, which meta tensors lack
    monkeypatch.setattr(
        torch, 'linspace', functools.partial(torch.linspace, device='cpu'))
    return lambda name: Config.fromfile(CONFIG_DIR / name)


def test_configs__are_found():
    assert len(CONFIGS) > 15


@pytest.mark.parametrize('name', CONFIGS)
def test_config__builds_what_trains(name, load_config):
    cfg = load_config(name)
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    trained = {id(p) for group in wrapper.optimizer.param_groups
               for p in group['params']}
    assert trained == {
        id(p) for p in model.parameters() if p.requires_grad}
    for scheduler in as_list(cfg.get('param_scheduler', [])):
        PARAM_SCHEDULERS.build(
            scheduler, default_args=dict(optimizer=wrapper))
    for hook in [*cfg.default_hooks.values(), *cfg.get('custom_hooks', [])]:
        HOOKS.build(hook)


@pytest.mark.parametrize('name', CONFIGS)
def test_config__builds_what_it_is_fed_and_judged_by(name, load_config):
    cfg = load_config(name)
    head = cfg.model.decode_head
    num_classes = head.get('semantic_head', head).num_classes
    for key in LOADERS:
        dataset = build_dataset(cfg[key].dataset, num_classes)
        assert cfg[key].sampler.type in DATA_SAMPLERS
        assert len(dataset.metainfo['classes']) == num_classes
    for key in ('val_evaluator', 'test_evaluator'):
        for metric in as_list(cfg[key]):
            METRICS.build(metric)
    assert cfg.runner_type in RUNNERS
    assert cfg.visualizer.type in VISUALIZERS
    assert cfg.tta_model.type in MODELS
    for key in ('train_cfg', 'val_cfg', 'test_cfg'):
        assert cfg[key].type in LOOPS


@pytest.mark.parametrize('folder', FOLDERS)
def test_metafile__names_configs_that_exist(folder):
    metafile = yaml.safe_load(
        (CONFIG_DIR / folder / 'metafile.yaml').read_text())
    models = metafile['Models']
    assert models
    for model in models:
        config = ROOT / model['Config']
        assert config.is_file(), config
        assert model['Name'] == config.stem
    assert {model['Name'] for model in models} == {
        path.stem for path in (CONFIG_DIR / folder).glob('*.py')}
    assert (CONFIG_DIR / folder / 'README.md').is_file()


def test_model_index__imports_every_metafile():
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text())
    assert index['Import'] == [
        f'configs/{folder}/metafile.yaml' for folder in FOLDERS]
