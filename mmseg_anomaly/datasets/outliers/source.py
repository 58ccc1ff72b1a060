"""The contract of a source of cut-outs, and what holds if it says no more.

A source needs a length and cut-outs by their numbers. The other protocols
are optional: ask by the functions below, which know the defaults.
"""
from typing import Protocol, runtime_checkable

import numpy as np

from .cutout import Cutout


@runtime_checkable
class OutlierSource(Protocol):
    """Objects that can be pasted; ``len`` and ``[]`` are all it needs.

    A list of ``Cutout`` is a source.
    """

    def __len__(self) -> int:
        """Return how many objects there are."""

    def __getitem__(self, number: int) -> Cutout:
        """Return an object.

        Args:
            number: At least 0, below the length.

        Raises:
            BrokenImageError: If its file is damaged; pasting then goes on
                with another object.
        """


@runtime_checkable
class WeightedSource(Protocol):
    """A source whose objects are not equally likely."""

    def sample_number(self, generator: np.random.Generator) -> int:
        """Return the number of a random object."""


@runtime_checkable
class SourceWithOrigins(Protocol):
    """A source that knows where an object comes from without reading it."""

    def origin(self, number: int) -> dict[str, int | str]:
        """Return what ``Cutout.origin`` will hold, JSON-ready.

        ``image`` with ``image_id`` identify a picture, ``split`` a family of
        drawn shapes; ``common_objects`` compares sources by them.
        """


@runtime_checkable
class SourceWithHashes(Protocol):
    """A source that knows the pixels of an object without reading them."""

    def content_hash(self, number: int) -> str:
        """Return ``Cutout.content_hash()``."""


def sample_number(source: OutlierSource,
                  generator: np.random.Generator) -> int:
    """Return the number of a random object.

    Args:
        source: Chooses if it is a ``WeightedSource``; otherwise every object
            is equally likely.
        generator: Decides.
    """
    if isinstance(source, WeightedSource):
        return source.sample_number(generator)
    return int(generator.integers(len(source)))


def origin_of(source: OutlierSource, number: int) -> dict[str, int | str]:
    """Return where an object comes from; empty if its source cannot say."""
    if isinstance(source, SourceWithOrigins):
        return source.origin(number)
    return {}


def content_hash_of(source: OutlierSource, number: int) -> str:
    """Return an object's ``Cutout.content_hash()``, reading it if need be.

    Raises:
        BrokenImageError: If it must be read and is damaged.
    """
    if isinstance(source, SourceWithHashes):
        return source.content_hash(number)
    return source[number].content_hash()
