"""The README and the pages of docs/ run, resolve and name what exists."""
import inspect
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS, METRICS, MODELS, TASK_UTILS, TRANSFORMS
from PIL import Image

from mmseg_anomaly.datasets import SyntheticRoadsDataset
from mmseg_anomaly.models.decode_heads import PixelAnomalyHead
from mmseg_anomaly.models.scoring.evidence import CLOSENESS, VOID
from mmseg_anomaly.models.scoring.scorer_configs import (
    fitting_scorers,
    formula,
)

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob('*.md'), *ROOT.glob('docs/*.md'),
                *ROOT.glob('configs/*/README.md')])
OF_MMSEG = ('tools/dataset_converters/cityscapes.py', )
DEMO = 'configs/eomt_ext/eomt_tiny_demo_oe_eim.py'


def blocks(page: str, language: str = 'python') -> list[str]:
    text = (ROOT / page).read_text()
    return re.findall(rf'```{language}\n(.*?)```', text, re.DOTALL)


@pytest.mark.parametrize('page', PAGES, ids=lambda page: str(
    page.relative_to(ROOT)))
def test_links__lead_somewhere(page):
    for target in re.findall(r'\]\(([^)#\s]+)', page.read_text()):
        if '://' not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize('page', PAGES, ids=lambda page: str(
    page.relative_to(ROOT)))
def test_files__that_pages_name_exist(page):
    pattern = (r'(?<![\w/.])'
               r'((?:configs|tools|benchmarks|mmseg_anomaly)/[\w/.-]+\.\w+)')
    for name in re.findall(pattern, page.read_text()):
        assert name in OF_MMSEG or (ROOT / name).exists(), name


def test_security__names_tests_that_exist():
    named = re.findall(r'`(tests/[^`]+)`', (ROOT / 'SECURITY.md').read_text())
    assert len(named) > 8
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_readme__is_read_in_one_sitting():
    assert len((ROOT / 'README.md').read_text().splitlines()) <= 170


def test_readme__gives_a_map_for_a_picture(tmp_path, monkeypatch):
    """With the demo's own config, and a model of random weights."""
    monkeypatch.chdir(tmp_path)
    cfg = Config.fromfile(ROOT / DEMO)
    checkpoint = Path('work_dirs/eomt_tiny_demo_oe_eim/iter_1000.pth')
    picture = Path('data/synthetic_roads/images/test/000000.png')
    for path in (checkpoint, picture):
        path.parent.mkdir(parents=True)
    init_default_scope('mmseg')
    torch.save(dict(
        state_dict=MODELS.build(cfg.model).state_dict(),
        meta=dict(dataset_meta=SyntheticRoadsDataset.METAINFO)), checkpoint)
    Image.fromarray(np.zeros((128, 256, 3), np.uint8)).save(picture)
    (tmp_path / 'configs').symlink_to(ROOT / 'configs')
    code = next(block for block in blocks('README.md')
                if 'inference_model' in block)
    names = {}
    exec(code, names)
    assert names['anomaly_map'].shape == names['classes'].shape == (128, 256)
    assert names['anomaly_map'].dtype == torch.float32


def test_readme__snippet_for_a_config_builds():
    code = next(block for block in blocks('README.md')
                if 'custom_imports' in block)
    cfg = Config.fromstring(code, '.py')
    assert cfg.custom_imports.imports == ['mmseg_anomaly']
    assert [entry.type for entry in cfg.test_evaluator] == [
        'SemanticIoUMetric', 'AnomalyMetric']


@pytest.fixture(scope='module')
def extensions():
    """What the blocks of extending.md define, registered for this file."""
    registries = (MODELS, DATASETS, TASK_UTILS)
    before = [dict(registry.module_dict) for registry in registries]
    names = {'__name__': 'extensions'}
    for code in blocks('docs/extending.md'):
        assert sum(1 for line in code.splitlines() if line.strip()) <= 20
        exec(code, names)
    yield names
    for registry, modules in zip(registries, before, strict=True):
        registry.module_dict.clear()
        registry.module_dict.update(modules)


def test_extending__head_and_scorer_give_a_map(extensions):
    init_default_scope('mmseg')
    norm_cfg = dict(type='BN')
    model = MODELS.build(dict(
        type='SlideInferenceWithStitch',
        backbone=dict(type='ResNet', depth=18, base_channels=4,
                      stem_channels=4, num_stages=2, strides=(1, 1),
                      dilations=(1, 1), out_indices=(1, ),
                      norm_cfg=norm_cfg),
        decode_head=dict(type='NormHead', in_channels=8, channels=4,
                         num_convs=1, num_classes=3, norm_cfg=norm_cfg),
        test_cfg=dict(mode='slide', crop_size=(16, 16),
                      scorer=['small_features', 'energy']))).eval()
    with torch.no_grad():
        sample, = model.predict(torch.rand(1, 3, 20, 24))
    assert sample.anomaly_map_small_features.data.shape == (1, 20, 24)
    assert (sample.anomaly_map_small_features.data <= 0).all()


def test_extending__source_is_pasted(extensions):
    paste = TRANSFORMS.build(dict(
        type='OutlierPaste', source=dict(type='Discs'), paste_probability=1.))
    results = paste(dict(img=np.full((64, 64, 3), 255, np.uint8),
                         gt_seg_map=np.zeros((64, 64), np.uint8),
                         seg_fields=['gt_seg_map']))
    assert 254 in results['gt_seg_map']


def test_extending__dataset_reads_its_layout(extensions, tmp_path):
    for folder in ('photos', 'masks'):
        (tmp_path / folder).mkdir()
        for name in 'ab':
            Image.new('L' if folder == 'masks' else 'RGB', (4, 4)).save(
                tmp_path / folder / f'{name}.png')
    dataset = DATASETS.build(dict(
        type='YardDataset', data_root=str(tmp_path), pipeline=[]))
    assert len(dataset) == 2


def test_extending__loss_pushes_both_kinds_apart(extensions):
    loss = MODELS.build(dict(type='MaxLogitLoss'))
    logits = torch.tensor([[[[2., -2.]]]])
    assert loss(logits, torch.tensor([[[0, 1]]])) == 0
    assert loss(logits, torch.tensor([[[1, 0]]])) == (1 + 2) + 2


def test_config_keys__are_arguments_with_these_defaults():
    rows = re.findall(r'^\| `([\w.]+)` \| `(\w+)` \| `([^`]+)` \|',
                      (ROOT / 'docs' / 'config_keys.md').read_text(), re.M)
    assert len(rows) == 22
    for key, name, default in rows:
        kind = next(filter(None, (registry.get(name) for registry in (
            MODELS, TRANSFORMS, TASK_UTILS, METRICS))))
        argument = inspect.signature(kind).parameters[key.split('.')[-1]]
        assert repr(argument.default) == default, key


def test_benchmarking__states_every_formula():
    text = (ROOT / 'docs' / 'benchmarking.md').read_text()
    names = fitting_scorers(
        True, [*PixelAnomalyHead.evidence_names, CLOSENESS, VOID])
    assert len(names) == 11
    for name in names:
        if name != 'pixel_head':
            rule = formula(name).removesuffix(', T = 1')
            assert f'| `{name}` | `{rule}`' in text
    assert '| `pixel_head` |' in text
