import json

import cv2
import numpy as np
import pytest
from mmengine.registry import DefaultScope

TOOL = 'analysis_tools/browse_outliers.py'
PASTE = dict(type='OutlierPaste', source=dict(type='SyntheticOutliers'),
             paste_probability=0.8)


@pytest.fixture
def run(load_tool, tmp_path):
    """Return a function that browses three small scenes."""
    generator = np.random.default_rng(0)
    for name in 'abc':
        for part, suffix, shape in (('images', '.jpg', (40, 60, 3)),
                                    ('labels', '.png', (40, 60))):
            (tmp_path / part).mkdir(exist_ok=True)
            cv2.imwrite(str(tmp_path / part / f'{name}{suffix}'),
                        generator.integers(2, size=shape, dtype=np.uint8))

    def run_tool(*arguments, paste=PASTE, wrap=lambda dataset: dataset):
        pipeline = [dict(type='SeedSample'), dict(type='LoadImageFromFile'),
                    dict(type='LoadCheckedAnnotations', num_classes=2)]
        if paste:
            pipeline.append(paste)
        dataset = dict(
            type='BaseSegDataset', metainfo=dict(classes=('road', 'sky')),
            data_root=str(tmp_path), pipeline=[*pipeline, dict(type='Nope')],
            data_prefix=dict(img_path='images', seg_map_path='labels'))
        config = tmp_path / 'config.py'
        config.write_text(f'train_dataloader = {dict(dataset=wrap(dataset))}')
        load_tool(TOOL).main([str(config), '-o', str(tmp_path / 'out'),
                              '--num-samples', '12', '--num-shown', '3',
                              '--side', '60', *arguments])
        return tmp_path / 'out'

    yield run_tool
    DefaultScope._instance_dict.clear()  # the tool opens mmseg's


@pytest.mark.parametrize('options', [
    dict(),
    dict(paste=dict(type='RandomApply', transforms=[
        {**PASTE, 'paste_probability': 1.0}], prob=0.5)),
    dict(wrap=lambda dataset: dict(
        type='RepeatDataset', times=2, dataset=dataset)),
    dict(wrap=lambda dataset: dict(
        type='MultiImageMixDataset', dataset=dataset,
        pipeline=[dict(type='Nope')])),
    dict(wrap=lambda dataset: dict(
        type='ConcatDataset', datasets=[{**dataset, 'pipeline': []},
                                        dataset])),
])
def test_browsing__counts_and_shows(run, options):
    out = run(**options)
    statistics = json.loads((out / 'statistics.json').read_text())
    counts = statistics['counts']
    assert counts['images'] == 12
    assert 0 < counts['images_with_objects'] < 12
    assert sum(statistics['categories'].values()) == counts['objects']
    assert counts['skipped_objects'] == 0
    sheet = cv2.imread(str(out / 'sheet.jpg'))
    # two columns of image and label, two rows, and a legend
    assert sheet.shape[1] == 2 * (2 * 60 + 4 + 4)
    assert sheet.shape[0] >= 2 * 44 + 20
    red = (sheet[..., 2] > 150) & (sheet[..., :2].max(axis=2) < 120)
    assert red.any()
    assert cv2.imread(str(out / 'statistics.png')).shape[1] == 960


def test_nothing_pasted__leaves_counts_only(run):
    out = run('--cfg-options',
              'train_dataloader.dataset.pipeline.3.paste_probability=0')
    assert [path.name for path in out.iterdir()] == ['statistics.json']


@pytest.mark.parametrize('option', [
    '--num-samples', '--num-shown', '--columns', '--side'
])
def test_numbers_below_one__are_refused(run, capsys, option):
    with pytest.raises(SystemExit):
        run(option, '0')
    assert f'{option} must be at least 1, got 0' in capsys.readouterr().err


def test_config_without_outliers__is_refused(run):
    with pytest.raises(ValueError, match='must contain OutlierPaste, got'):
        run(paste=None)
