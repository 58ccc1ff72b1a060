"""Sample training images with a seed for every visit."""
from collections.abc import Iterator, Sized
from itertools import islice

from mmengine.dataset import DefaultSampler, InfiniteSampler
from mmseg.registry import DATA_SAMPLERS

from ..checks import check_flags, check_integer


class SeededIndex(int):
    """Number of a sample in its dataset, with a seed for this visit.

    The dataset stores it as ``results['sample_idx']``. ``RepeatDataset`` and
    ``ConcatDataset``, which compute the number within a dataset by ``%`` and
    ``-``, keep the seed.

    This is a hack: an int that smuggles a seed through code that knows
    indices only. Nothing simpler works. A sampler can hand a dataset nothing
    but an index; workers run ahead, so that a counter in the dataset would
    depend on their number; and a seed from the index alone would give an
    image the same random choices in every round.

    Args:
        index: Number of the sample in its dataset, at least 0.
        seed: Non-negative numbers, as ``np.random.SeedSequence`` takes them.
    """

    seed: tuple[int, ...]

    def __new__(cls, index: int, seed: tuple[int, ...]) -> 'SeededIndex':
        self = super().__new__(cls, index)
        self.seed = seed
        return self

    def __getnewargs__(self) -> tuple[int, tuple[int, ...]]:  # to pickle
        return int(self), self.seed

    def __mod__(self, other: int) -> 'SeededIndex':
        return SeededIndex(int(self) % other, self.seed)

    def __sub__(self, other: int) -> 'SeededIndex':
        return SeededIndex(int(self) - other, self.seed)


@DATA_SAMPLERS.register_module()
class SeededInfiniteSampler(InfiniteSampler):
    """MMEngine's ``InfiniteSampler``, with a seed for every visit.

    A sample's seed is that of the sampler and the place of the sample in the
    order of all processes together. With the transform ``SeedSample`` in front
    of what is random, samples are the same for any number of workers, and
    after ``--resume``, which counts the batches before.

    .. code-block:: python

        train_dataloader = dict(
            sampler=dict(type='SeededInfiniteSampler', shuffle=True))

    Args:
        dataset: The dataset.
        shuffle: Whether each round has an order of its own.
        seed: At least 0; the runner gives its own.
    """

    def __init__(self, dataset: Sized, shuffle: bool = True,
                 seed: int | None = None) -> None:
        check_flags(self, shuffle=shuffle)
        check_integer('seed', seed, low=0, optional=True, of=self)
        super().__init__(dataset, shuffle, seed)

    def _indices_of_rank(self) -> Iterator[SeededIndex]:
        places = enumerate(self._infinite_indices())
        for place, index in islice(places, self.rank, None, self.world_size):
            yield SeededIndex(index, (self.seed, place))


@DATA_SAMPLERS.register_module()
class SeededEpochSampler(DefaultSampler):
    """MMEngine's ``DefaultSampler``, with a seed for every visit.

    For ``EpochBasedTrainLoop``, as ``SeededInfiniteSampler`` is for
    iterations: a sample's seed is that of the sampler, the epoch, and the
    place of the sample in the order of all processes together.
    ``DistSamplerSeedHook`` says which epoch it is, after ``--resume``, too.

    .. code-block:: python

        train_cfg = dict(
            _delete_=True, type='EpochBasedTrainLoop', max_epochs=100)
        train_dataloader = dict(
            sampler=dict(type='SeededEpochSampler', shuffle=True))

    Args:
        dataset: The dataset.
        shuffle: Whether each epoch has an order of its own.
        seed: At least 0; the runner gives its own.
        round_up: Whether samples are repeated so that all processes get
            equally many.
    """

    def __init__(self, dataset: Sized, shuffle: bool = True,
                 seed: int | None = None, round_up: bool = True) -> None:
        check_flags(self, shuffle=shuffle, round_up=round_up)
        check_integer('seed', seed, low=0, optional=True, of=self)
        super().__init__(dataset, shuffle, seed, round_up)

    def __iter__(self) -> Iterator[SeededIndex]:
        """Yield the samples of this process in this epoch."""
        for place, index in enumerate(super().__iter__()):
            yield SeededIndex(index, (
                self.seed, self.epoch, self.rank + place * self.world_size))
