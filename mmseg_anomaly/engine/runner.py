"""A runner that also trains and tests in parallel on machines without GPU."""
import datetime
import os
import subprocess
from pathlib import Path
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.dist import is_distributed
from mmengine.logging import MMLogger
from mmengine.registry import RUNNERS
from mmengine.runner import Runner
from torch import nn

from .._quiet import spare_terminal
from ..class_names import meta_of_config
from ..models.segmentors.mmseg_functions import ServesMMSegFunctions

# Where each launcher says who a process is.
LAUNCHER_VARIABLES = {
    'pytorch': dict(RANK='RANK', WORLD_SIZE='WORLD_SIZE',
                    LOCAL_RANK='LOCAL_RANK'),
    'slurm': dict(RANK='SLURM_PROCID', WORLD_SIZE='SLURM_NTASKS',
                  LOCAL_RANK='SLURM_LOCALID'),
    'mpi': dict(RANK='OMPI_COMM_WORLD_RANK',
                WORLD_SIZE='OMPI_COMM_WORLD_SIZE',
                LOCAL_RANK='OMPI_COMM_WORLD_LOCAL_RANK'),
}


def init_cpu_process_group(launcher: str, timeout: float = 1800) -> None:
    """Join the processes of a launcher by gloo, without touching a GPU.

    MMEngine's `init_dist` selects a GPU for every backend, gloo included.
    `MASTER_ADDR` and `MASTER_PORT` of the environment are kept; by default
    the address is this machine's, or of Slurm's first node.

    Args:
        launcher: 'pytorch' (torchrun), 'slurm' or 'mpi'.
        timeout: Seconds that a process waits for the others.

    Raises:
        ValueError: If the launcher is unknown.
        KeyError: If the environment does not say who this process is.
    """
    if launcher not in LAUNCHER_VARIABLES:
        raise ValueError(
            f'`launcher` must be one of {sorted(LAUNCHER_VARIABLES)}, got '
            f'{launcher!r}.')
    for name, source in LAUNCHER_VARIABLES[launcher].items():
        if source not in os.environ:
            raise KeyError(
                f'launcher {launcher!r} needs the environment variable '
                f'{source}: start by tools/dist_train.sh or '
                'tools/slurm_train.sh, or use --launcher none.')
        os.environ[name] = os.environ[source]
    if 'MASTER_ADDR' not in os.environ:
        os.environ['MASTER_ADDR'] = _first_host(launcher)
    os.environ.setdefault('MASTER_PORT', '29500')
    torch.distributed.init_process_group(
        'gloo', timeout=datetime.timedelta(seconds=timeout))


def _first_host(launcher: str) -> str:
    if launcher != 'slurm':
        return '127.0.0.1'
    hosts = subprocess.run(
        ['scontrol', 'show', 'hostname', os.environ['SLURM_NODELIST']],
        check=True, capture_output=True, text=True).stdout
    return hosts.split()[0]


# In MMEngine's registry, for a runner is built before any scope is set.
@RUNNERS.register_module()
class AnomalyRunner(Runner):
    """MMEngine's runner, made to serve gloo on the CPU.

    On a GPU it is MMEngine's runner. MMSeg's own `tools/train.py` uses it by
    the config's ``runner_type = 'AnomalyRunner'``.
    """

    def setup_env(self, env_cfg: dict) -> None:
        """Set up the environment; on the CPU join the processes by gloo."""
        if self._parallel_on_cpu and not is_distributed():
            dist_cfg = env_cfg.get('dist_cfg') or {}
            init_cpu_process_group(self._launcher,
                                   dist_cfg.get('timeout', 1800))
        super().setup_env(env_cfg)

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """Build MMEngine's logger, which shows no noise on the terminal."""
        logger = super().build_logger(*args, **kwargs)
        spare_terminal(logger)
        return logger

    def build_model(self, model: nn.Module | dict) -> nn.Module:
        """Build the model and name its classes by the config's datasets."""
        model = super().build_model(model)
        for part in model.modules():
            if isinstance(part, ServesMMSegFunctions):
                meta = meta_of_config(self.cfg, part.num_classes)
                part.dataset_meta = meta or part.dataset_meta
        return model

    def dump_config(self) -> None:
        """Write the whole config to the work dir, not over the one read.

        If that is in the work dir, the name is this run's time.
        """
        source = self.cfg.filename
        if source is None or not Path(source).exists():
            super().dump_config()
            return
        target = Path(self.work_dir, Path(source).name)
        if target.exists() and target.samefile(source):
            target = Path(self.work_dir, f'{self.timestamp}.py')
        self.cfg.dump(target)

    def wrap_model(self, model_wrapper_cfg: dict | None,
                   model: nn.Module) -> nn.Module:
        """Wrap the model for parallel use; on the CPU without device ids."""
        if self._parallel_on_cpu:
            if model_wrapper_cfg is None:
                model_wrapper_cfg = dict(
                    broadcast_buffers=False,
                    find_unused_parameters=self.cfg.get(
                        'find_unused_parameters', False))
            model_wrapper_cfg = dict(model_wrapper_cfg)
            model_wrapper_cfg.setdefault('device_ids', None)
        return super().wrap_model(model_wrapper_cfg, model)

    @property
    def _parallel_on_cpu(self) -> bool:
        return self._launcher != 'none' and get_device() == 'cpu'
