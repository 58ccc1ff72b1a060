"""Seed the random choices that a sample needs."""
import logging
import random

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.logging import print_log
from mmseg.registry import TRANSFORMS

from ..samplers import SeededIndex


@TRANSFORMS.register_module()
class SeedSample(BaseTransform):
    """Seed NumPy and ``random`` for all transforms that follow.

    A worker's own random state makes a sample depend on the number of
    workers and on what the worker made before. From the seed that
    ``SeededInfiniteSampler`` gives (``SeededEpochSampler`` for epochs), the
    same samples follow in any case.
    Another sampler, or an index given by hand, has no seed: the state stays
    what it is, and a warning says so once.

    Required Keys:

    - sample_idx (SeededIndex)

    .. code-block:: python

        train_pipeline = [dict(type='SeedSample'), ...]
        train_dataloader = dict(
            sampler=dict(type='SeededInfiniteSampler', shuffle=True))
    """

    def __init__(self) -> None:
        self._has_warned = False

    def transform(self, results: dict) -> dict:
        """Seed by ``results['sample_idx'].seed``; change no result."""
        index = results.get('sample_idx')
        if isinstance(index, SeededIndex):
            words = np.random.SeedSequence(index.seed).generate_state(4)
            np.random.seed(words)
            random.seed(words.tobytes())
        elif not self._has_warned:
            self._has_warned = True
            print_log(
                'SeedSample: a sample carries no seed (another sampler than '
                'SeededInfiniteSampler and SeededEpochSampler, or a wrapper '
                'that drops it), so its random choices depend on the number '
                'of workers',
                logger='current', level=logging.WARNING)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'
