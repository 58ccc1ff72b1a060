"""A runner that recovers, and works in parallel on machines without GPU."""
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
from .recovery import STATE, announce_checkpoints, newest_state, read_state

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
    """MMEngine's runner, which recovers and serves gloo on the CPU.

    MMSeg's own `tools/train.py` uses it by the config's
    ``runner_type = 'AnomalyRunner'``. Keys of the config that say where a
    training starts:

    - ``resume``: True goes on from ``load_from``, or from the newest whole
      checkpoint of the work dir if that is None. 'auto' looks into the work
      dir first, and starts from ``load_from`` if there is none.
    - ``resume_weights_only``: True takes the weights alone.
    - ``overwrite``: True starts from the beginning where only broken
      checkpoints remain.
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

    def train(self) -> nn.Module:
        """Train, from the newest whole checkpoint if told to resume.

        Raises:
            ValueError: If what is there cannot be resumed.
        """
        if self._resume:
            self._decide_start()
        else:
            announce_checkpoints(self.work_dir)
        return super().train()

    def resume(self, *args: Any, **kwargs: Any) -> None:
        """Resume, and warn if the training had already come to its end."""
        super().resume(*args, **kwargs)
        if self.iter >= self.max_iters:
            self.logger.warning(
                f'The checkpoint is of iteration {self.iter}, the last of '
                f'`train_cfg` is {self.max_iters}: nothing is left to train. '
                'Raise `max_iters` or `max_epochs` to train on.')

    def _decide_start(self) -> None:
        needed = [*STATE]
        if self.param_schedulers:
            needed.append('param_schedulers')
        if self.cfg.get('resume_weights_only', False):
            needed = []
        if self._load_from is None or self._resume == 'auto':
            state = newest_state(self.work_dir, needed,
                                 self.cfg.get('overwrite', False))
        else:
            state = read_state(self._load_from, needed)
        self._resume = bool(state and needed)
        if state:
            self._load_from = state.path
        if self._resume and state.seed is not None:
            self._take_seed(state.seed)

    def _take_seed(self, seed: int) -> None:
        """Use the seed of a checkpoint before the sampler is built by it."""
        own = self._randomness_cfg.get('seed')
        if own not in (None, seed):
            self.logger.warning(
                f'`randomness.seed` of the config is {own}; the checkpoint '
                f'was trained with {seed}, which is used')
        self._randomness_cfg.update(seed=seed)
        self.set_randomness(**self._randomness_cfg)

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
