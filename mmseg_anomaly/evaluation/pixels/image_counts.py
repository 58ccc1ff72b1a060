"""Counts of single images: a table, and a file to resample them from.

Letters: P valid pixels of an image, D distinct scores or cells.
"""
import hashlib
import pickle
import tempfile
from collections.abc import Iterator

import numpy as np

from .float_keys import score_keys
from .ranking import rank_pixels
from .score_histogram import ScoreCounts, ScoreHistogram

MAX_CELLS = 4096

_BATCH_BYTES = 1 << 24  # sent to another rank at a time

Record = tuple[str, bytes]


def count_image(scores: np.ndarray, labels: np.ndarray) -> ScoreCounts:
    """Count the pixels of each distinct score by sorting.

    Args:
        scores: (P,) float32 without NaN.
        labels: (P,) integers 0 or 1.

    Returns:
        The counts, none merged.
    """
    keys = score_keys(scores)
    anomalous = labels == 1
    counted = [np.unique(part, return_counts=True)
               for part in (keys[~anomalous], keys[anomalous])]
    union = np.union1d(counted[0][0], counted[1][0])
    counts = np.zeros((2, union.size), np.int64)
    for row, (distinct, pixels) in zip(counts, counted, strict=True):
        row[np.searchsorted(union, distinct)] = pixels
    return ScoreCounts(union, *counts)


class ImageCounts:
    """Coarse counts of each image, in a temporary file.

    Each image takes up to 48 kB of the file and some 100 bytes of memory.
    Its counts are merged to the smallest level with at most ``MAX_CELLS``
    cells. The file has no name and vanishes with the process.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._entries: list[tuple[str, bytes, int, int]] = []

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._entries)

    def add(self, name: str, counts: ScoreCounts) -> None:
        """Store the counts of an image, coarsened."""
        histogram = ScoreHistogram(MAX_CELLS)
        histogram.merge(counts)
        counts = histogram.to_counts()
        self._append(name, pickle.dumps(
            (counts.keys, counts.negatives.astype(np.uint32),
             counts.positives.astype(np.uint32), counts.level)))

    def _append(self, name: str, record: bytes) -> None:
        start = self._file.seek(0, 2)
        self._file.write(record)
        digest = hashlib.sha1(record).digest()
        self._entries.append((name, digest, start, len(record)))

    def __iter__(self) -> Iterator[ScoreCounts]:
        """Yield the counts in the order of the names, of any level each."""
        for entry in sorted(self._entries):
            keys, negatives, positives, level = pickle.loads(self._read(entry))
            yield ScoreCounts(keys, negatives.astype(np.int64),
                              positives.astype(np.int64), level)

    def _read(self, entry: tuple[str, bytes, int, int]) -> bytes:
        self._file.seek(entry[2])
        return self._file.read(entry[3])

    def batches(self) -> list[range]:
        """Return which images to send together."""
        size = max((entry[3] for entry in self._entries), default=1)
        step = max(1, _BATCH_BYTES // size)
        count = len(self._entries)
        return [range(start, min(start + step, count))
                for start in range(0, count, step)]

    def records(self, batch: range) -> list[Record]:
        """Return the images of a batch, to send them."""
        return [(self._entries[index][0], self._read(self._entries[index]))
                for index in batch]

    def merge(self, records: list[Record]) -> None:
        """Add images of another rank."""
        for name, record in records:
            self._append(name, record)


def image_row(name: str, counts: ScoreCounts) -> dict:
    """Return the row of an image: its pixels, positives, AuPRC and FPR95."""
    ranking = rank_pixels(counts)
    return {
        'image': name,
        'pixels': ranking.num_positives + ranking.num_negatives,
        'positives': ranking.num_positives,
        'AuPRC': ranking.values['AuPRC'],
        'FPR95': ranking.values['FPR95']
    }
