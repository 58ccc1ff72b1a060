"""All that one scorer's numbers need, image by image and over ranks."""
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..reports import ScorerReport
from .bootstrap import Bootstrap, bootstrap_intervals
from .exact_pixels import ExactPixels
from .image_counts import ImageCounts, count_image, image_row
from .score_histogram import IGNORE_LABEL
from .smiyc import SmiycPixels

PROTOCOLS = ('exact', 'smiyc', 'smiyc_float16')


@dataclass(frozen=True)
class TallyOptions:
    """What to measure.

    Attributes:
        protocol: One of ``PROTOCOLS``.
        bootstrap: How to resample images, or None.
        per_image: Whether to keep a row for each image.

    Raises:
        ValueError: If there is no such protocol.
    """

    protocol: str = 'exact'
    bootstrap: Bootstrap | None = None
    per_image: bool = False

    def __post_init__(self) -> None:
        if self.protocol not in PROTOCOLS:
            raise ValueError(f'`protocol` must be one of {PROTOCOLS}, got '
                             f'{self.protocol!r}')


class ScorerTally:
    """Pixels of one scorer, and single images where they are asked for."""

    def __init__(self, options: TallyOptions) -> None:
        self._options = options
        self._pixels = _build_pixels(options.protocol)
        self._images = ImageCounts() if options.bootstrap else None
        self._rows: list[dict] = []

    def update(self, name: str, scores: np.ndarray,
               labels: np.ndarray) -> None:
        """Count an image.

        Args:
            name: Of the image.
            scores: (H, W) float32; NaN on void pixels only.
            labels: (H, W) of 0, 1 and 255 (void).

        Raises:
            ValueError: If a valid score is NaN.
        """
        self._pixels.update(name, scores, labels)
        if self._images is None and not self._options.per_image:
            return
        valid = labels != IGNORE_LABEL
        counts = count_image(scores[valid], labels[valid])
        if self._images is not None:
            self._images.add(name, counts)
        if self._options.per_image:
            self._rows.append(image_row(name, counts))

    @property
    def num_parts(self) -> int:
        """How many parts :meth:`parts` yields."""
        return 2 + len(self._batches())

    def _batches(self) -> list[range]:
        return [] if self._images is None else self._images.batches()

    def parts(self) -> Iterator[object]:
        """Yield what :meth:`merge` of another rank takes, piece by piece."""
        yield 'pixels', self._pixels.part()
        yield 'rows', self._rows
        for batch in self._batches():
            yield 'images', self._images.records(batch)

    def merge(self, part: tuple[str, object]) -> None:
        """Add a part of what another rank counted."""
        kind, content = part
        if kind == 'pixels':
            self._pixels.merge(content)
        elif kind == 'rows':
            self._rows.extend(content)
        else:
            self._images.merge(content)

    def report(self) -> ScorerReport:
        """Return what was measured; nothing can be counted any more."""
        ranking, curves = self._pixels.rank()
        del self._pixels
        intervals = rows = None
        if self._images is not None:
            intervals = bootstrap_intervals(self._images, ranking.values,
                                            self._options.bootstrap)
        if self._options.per_image:
            rows = sorted(self._rows, key=lambda row: row['image'])
        return ScorerReport(ranking, curves, intervals, rows)


def _build_pixels(protocol: str) -> ExactPixels | SmiycPixels:
    if protocol == 'exact':
        return ExactPixels()
    return SmiycPixels(float16=protocol == 'smiyc_float16')
