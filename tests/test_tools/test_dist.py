"""tools/dist_*.sh with two real processes, joined by gloo on the CPU."""
import socket
import subprocess

from mmseg_anomaly.engine import load_from_local


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return listener.getsockname()[1]


def finish(process: subprocess.Popen) -> str:
    try:
        output, _ = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 0, output
    return output


def test_dist__two_processes_agree_with_one(
        tiny_eomt_config, tmp_path, run_tool, start_tool, read_metrics,
        monkeypatch):
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
    monkeypatch.setenv('PORT', str(free_port()))
    trained = tmp_path / 'trained'
    output = finish(start_tool('dist_train.sh', tiny_eomt_config, 2,
                               '--work-dir', trained))
    assert 'Distributed training: True' in output
    checkpoint = trained / 'iter_4.pth'
    assert load_from_local(checkpoint)['meta']['iter'] == 4

    # 5 images, so that one of the two processes is given one twice.
    monkeypatch.setenv('PORT', str(free_port()))
    finish(start_tool('dist_test.sh', tiny_eomt_config, checkpoint, 2,
                      '--work-dir', tmp_path / 'two'))
    run_tool('test', tiny_eomt_config, checkpoint,
             '--work-dir', tmp_path / 'one')

    two, one = read_metrics(tmp_path / 'two'), read_metrics(tmp_path / 'one')
    assert two == one
    assert {'mIoU', 'anomaly/AuPRC', 'anomaly/energy/FPR95'} <= set(one)
