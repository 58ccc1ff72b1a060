import sys

import numpy as np
import pytest

from mmseg_anomaly.datasets.outliers import CocoOutliers, PackedOutliers

TOOL = 'dataset_converters/coco_outliers.py'


@pytest.fixture
def run(load_tool, make_coco, tmp_path):
    """Return a function that packs a small COCO set."""
    root = make_coco([
        dict(image=image, category=category, box=(3, 4, 30, height))
        for image, category, height in (('b', 'cup', 20), ('a', 'cow', 50),
                                        ('b', 'cow', 30), ('c', 'car', 30))
    ])
    main = load_tool(TOOL).main

    def run_tool(*arguments):
        out = tmp_path / 'out' / 'things.pack'
        main([str(root), '--ann-file', 'instances.json', '--img-path',
              'images', '--nproc', '1', '-o', str(out), *arguments])
        return root, PackedOutliers(str(out))

    return run_tool


def test_pack__holds_the_objects_of_the_source(run):
    root, pack = run()
    source = CocoOutliers('instances.json', str(root),
                          data_prefix=dict(img_path='images'))
    assert len(pack) == len(source) == 3
    for number in range(3):
        np.testing.assert_array_equal(pack[number].image,
                                      source[number].image)
        assert pack.origin(number) == source.origin(number)
        assert pack[number].category == source[number].category
    assert pack._file.meta['ann_file'] == 'instances.json'


def test_two_processes__cut_the_same(load_tool, run, monkeypatch):
    tool = load_tool(TOOL)
    # where pickle looks for what it sends to the processes
    monkeypatch.setitem(sys.modules, tool.__name__, tool)
    root, _ = run()
    source = CocoOutliers('instances.json', str(root),
                          data_prefix=dict(img_path='images'))
    broken = []
    one, two = (sorted(tool.cut_all(tool.Cutter(source, 25), nproc, broken))
                for nproc in (1, 2))
    assert one == two and len(one) == 3 and broken == []


def test_options__filter_and_shrink(run):
    _, pack = run('--filters', 'allow_categories=cow,cup', 'min_area=800',
                  '--max-side', '25')
    assert [pack[number].alpha.shape for number in range(2)] == [
        (25, 15), (25, 25)]


def test_single_name__is_no_list_of_letters(run):
    _, pack = run('--filters', 'allow_categories=cup')
    assert len(pack) == 1 and pack[0].category == 'cup'


def test_broken_image__is_left_out(load_tool, make_coco, tmp_path):
    root = make_coco([dict(image=image, category='cup', box=(3, 4, 30, 20))
                      for image in 'ab'])
    (root / 'images' / 'a.png').write_bytes(b'')
    out = tmp_path / 'things.pack'
    load_tool(TOOL).main([
        str(root), '--ann-file', 'instances.json', '--img-path', 'images',
        '--nproc', '1', '-o', str(out)])
    pack = PackedOutliers(str(out))
    assert len(pack) == 1 and pack.origin(0)['image'] == 'b.png'


@pytest.mark.parametrize('option', ['--max-side', '--nproc'])
def test_numbers_below_one__are_refused(load_tool, capsys, option):
    with pytest.raises(SystemExit):
        load_tool(TOOL).main(['data', '-o', 'things.pack', option, '0'])
    assert f'{option} must be at least 1, got 0' in capsys.readouterr().err


def test_other_suffix__is_refused(load_tool, capsys):
    with pytest.raises(SystemExit):
        load_tool(TOOL).main(['data', '-o', 'things.npz'])
    assert 'must end in .pack' in capsys.readouterr().err
