"""tools/train.py by real, tiny trainings."""
import json
import signal
import time
from pathlib import Path

import pytest
import torch

from mmseg_anomaly.engine import load_from_local
from mmseg_anomaly.models.eomt.vit import build_vit, materialize


def logged_steps(work_dir: Path) -> list[dict]:
    """Every logged training step of the newest run below a work dir."""
    newest = max(work_dir.glob('*/vis_data/scalars.json'),
                 key=lambda path: path.stat().st_mtime)
    lines = [json.loads(line) for line in newest.read_text().splitlines()]
    return [line for line in lines if 'lr' in line]


def test_resume__goes_on_where_sigkill_struck(
        tiny_eomt_config, tmp_path, run_tool, start_tool):
    work_dir = tmp_path / 'work'
    options = ['--work-dir', work_dir, '--cfg-options']
    endless = 'train_cfg.max_iters=100000'
    process = start_tool('train.py', tiny_eomt_config, *options, endless)
    deadline = time.monotonic() + 300
    while not (work_dir / 'last_checkpoint').is_file():
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    last = Path((work_dir / 'last_checkpoint').read_text())
    done = load_from_local(last)['meta']['iter']
    assert done >= 2

    run_tool('train', tiny_eomt_config, '--resume', *options,
             f'train_cfg.max_iters={done + 2}')
    run_tool('train', tiny_eomt_config, '--work-dir', tmp_path / 'whole',
             '--cfg-options', f'train_cfg.max_iters={done + 2}')

    resumed, whole = logged_steps(work_dir), logged_steps(tmp_path / 'whole')
    assert [step['iter'] for step in resumed] == [done + 1, done + 2]
    assert [s['lr'] for s in resumed] == [s['lr'] for s in whole[-2:]]
    name = f'iter_{done + 2}.pth'
    resumed = load_from_local(work_dir / name)
    whole = load_from_local(tmp_path / 'whole' / name)
    rates = [[group['lr'] for group in run['optimizer']['param_groups']]
             for run in (resumed, whole)]
    assert rates[0] == rates[1]
    steps = [{float(state['step'])
              for state in run['optimizer']['state'].values()}
             for run in (resumed, whole)]
    assert steps[0] == steps[1]
    # Annealed from 1 to 0 in 100 iterations, from the 1st and 11th on.
    expected = [max(0, 1 - max(0, done + 2 - start) / 100)
                for start in (0, 10)]
    for run in (resumed, whole):
        probs = run['state_dict']['decode_head.attn_mask_probs']
        assert probs.tolist() == pytest.approx(expected)


def test_resume__prefers_the_work_dir_to_load_from(
        tiny_config, tmp_path, run_tool):
    run_tool('train', tiny_config, '--work-dir', tmp_path / 'first')
    first = tmp_path / 'first' / 'iter_4.pth'
    text = tiny_config.read_text()
    tiny_config.write_text(f'{text}\nload_from = {str(first)!r}\n')
    second = tmp_path / 'second'

    run_tool('train', tiny_config, '--work-dir', second, '--resume',
             '--cfg-options', 'train_cfg.max_iters=2')
    assert load_from_local(second / 'iter_2.pth')['meta']['iter'] == 2

    run_tool('train', tiny_config, '--work-dir', second, '--resume')
    assert [step['iter'] for step in logged_steps(second)] == [3, 4]


def test_resume__of_the_config_is_kept(tiny_config, tmp_path, run_tool):
    work_dir = tmp_path / 'work'
    run_tool('train', tiny_config, '--work-dir', work_dir)
    tiny_config.write_text(f'{tiny_config.read_text()}\nresume = True\n')

    run_tool('train', tiny_config, '--work-dir', work_dir,
             '--cfg-options', 'train_cfg.max_iters=6')

    assert [step['iter'] for step in logged_steps(work_dir)] == [5, 6]


def test_train__names_the_keys_that_do_not_fit(
        tiny_config, tmp_path, run_tool):
    run_tool('train', tiny_config, '--work-dir', tmp_path / 'work')
    checkpoint = load_from_local(tmp_path / 'work' / 'iter_4.pth')
    weight = checkpoint['state_dict'].pop('decode_head.conv_seg.weight')
    checkpoint['state_dict']['decode_head.stranger'] = weight
    checkpoint['state_dict']['decode_head.conv_seg.bias'] = torch.zeros(5)
    torch.save(checkpoint, tmp_path / 'other.pth')
    options = ['--work-dir', tmp_path / 'work', '--cfg-options',
               f'load_from={tmp_path / "other.pth"}']

    with pytest.raises(RuntimeError) as stopped:
        run_tool('train', tiny_config, *options)

    message = str(stopped.value)
    assert 'missing in the file: decode_head.conv_seg.weight;' in message
    assert 'not in the model: decode_head.stranger;' in message
    assert 'decode_head.conv_seg.bias (file [5], model [3])' in message
    run_tool('train', tiny_config, *options,
             'allow_missing=["decode_head.conv_seg","decode_head.stranger"]')


@pytest.mark.parametrize('wrapper', ['OptimWrapper', 'AmpOptimWrapper'])
def test_amp__trains_in_bfloat16_on_the_cpu(
        wrapper, tiny_config, tmp_path, run_tool):
    seen = []
    hook = torch.nn.modules.module.register_module_forward_hook(
        lambda module, _, output: seen.append(output.dtype)
        if isinstance(module, torch.nn.Conv2d) else None)
    try:
        run_tool('train', tiny_config, '--amp', '--cfg-options',
                 f'optim_wrapper.type={wrapper}', 'train_cfg.max_iters=1')
    finally:
        hook.remove()
    assert set(seen) == {torch.bfloat16}


def test_amp__refuses_another_wrapper(tiny_config, run_tool):
    with pytest.raises(ValueError, match='--amp needs .*got .ApexOptim'):
        run_tool('train', tiny_config, '--amp', '--cfg-options',
                 'optim_wrapper.type=ApexOptimWrapper')


def test_work_dir__is_named_after_the_config(tiny_config, tmp_path, run_tool):
    run_tool('train', tiny_config, '--cfg-options', 'train_cfg.max_iters=2')
    assert (tmp_path / 'work_dirs' / 'tiny' / 'iter_2.pth').is_file()


def test_pretrained__survives_training(tiny_eomt_config, tmp_path, run_tool):
    arch = dict(embed_dim=16, depth=3, num_heads=2)
    vit = materialize(build_vit(arch, (16, 16), 4))
    weights = {key: torch.randn_like(value)
               for key, value in vit.state_dict().items()}
    torch.save(weights, tmp_path / 'vit.pth')
    run_tool(
        'train', tiny_eomt_config, '--work-dir', tmp_path / 'work',
        '--cfg-options', 'train_cfg.max_iters=2',
        f'model.backbone.pretrained={tmp_path / "vit.pth"}',
        f'model.decode_head.pretrained={tmp_path / "vit.pth"}',
        'optim_wrapper.optimizer.lr=0.0')
    trained = load_from_local(tmp_path / 'work/iter_2.pth')['state_dict']
    for key, value in weights.items():
        if key.startswith('norm.'):
            name = f'decode_head.{key}'
        elif key.startswith(('blocks.1.', 'blocks.2.')):
            name = f'decode_head.blocks.{int(key[7]) - 1}.{key[9:]}'
        else:
            name = f'backbone.{key}'
        assert torch.equal(trained[name], value), name
