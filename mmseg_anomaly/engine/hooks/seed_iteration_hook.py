"""Seed all that is random in training, once an iteration."""
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner
from mmseg.registry import HOOKS

# What is seeded: an epoch, a batch, a step.
EPOCH, BATCH, STEP = range(3)


@HOOKS.register_module()
class SeedIterationHook(Hook):
    """Let random choices follow from the iteration alone.

    So a resumed training repeats an uninterrupted one, whatever validation
    and earlier iterations made of the random state. PyTorch, NumPy and
    ``random`` are seeded by the runner's seed, the iteration and the
    process, before a batch is loaded and before the model sees it; with
    `EpochBasedTrainLoop`, before each epoch and each step. Batches that
    workers load are MMEngine's and ``SeedSample``'s concern.

    Our configs and tools use it::

        default_hooks = dict(seed_iteration=dict(type='SeedIterationHook'))
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner: Runner) -> None:
        """Seed each batch of the loop, also those it skips on resuming."""
        loop = runner.train_loop
        if isinstance(loop, IterBasedTrainLoop):
            loop.dataloader_iterator = _seeded_batches(
                loop.dataloader_iterator, runner.seed)

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed what decides the order of an epoch."""
        _seed_all(runner.seed, EPOCH, runner.epoch)

    def before_train_iter(self, runner: Runner, batch_idx: int,
                          data_batch: Any = None) -> None:
        """Seed what the model and its losses choose."""
        _seed_all(runner.seed, STEP, runner.iter)


def _seeded_batches(batches: Iterator[Any], seed: int) -> Iterator[Any]:
    number = 0
    while True:
        _seed_all(seed, BATCH, number)
        yield next(batches)
        number += 1


def _seed_all(seed: int, kind: int, number: int) -> None:
    sequence = np.random.SeedSequence((seed, kind, number, get_rank()))
    words = sequence.generate_state(4)
    random.seed(words.tobytes())
    np.random.seed(words)
    torch.manual_seed(int(sequence.generate_state(1, np.uint64)[0] >> 1))
