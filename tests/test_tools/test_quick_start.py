"""The quick start, shrunk to seconds."""
import json

TINY = (
    'world.num_train=4', 'world.num_val=2', 'world.num_outliers=4',
    'world.image_hw=(32,64)', 'train_cfg.max_iters=2',
    'train_dataloader.num_workers=0', 'test_dataloader.num_workers=0',
    'train_dataloader.persistent_workers=False',
    'test_dataloader.persistent_workers=False',
    'train_dataloader.batch_size=2')


def test_quick_start__compares_untrained_and_trained(run_tool, tmp_path,
                                                     capsys):
    run_tool('misc/quick_start', '--work-dir', tmp_path / 'work',
             '--nproc', '1', '--cfg-options', *TINY)
    summary = json.loads((tmp_path / 'work/quick_start.json').read_text())
    assert set(summary) == {'untrained', 'trained'}
    for metrics in summary.values():
        assert {'mIoU', 'anomaly/AuPRC', 'anomaly/FPR95'} <= set(metrics)
    assert summary['untrained'] != summary['trained']
    pictures = list((tmp_path / 'work').glob('*/vis_data/vis_image/test_*'))
    assert len(pictures) == 2
    assert str(pictures[0].parent) in capsys.readouterr().out
