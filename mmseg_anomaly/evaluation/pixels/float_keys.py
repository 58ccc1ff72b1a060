"""Order-preserving keys of float32 scores, and cells that merge them.

Level ``L`` drops the ``L`` low bits of a key, fewer the nearer the score is
to 1 or -1 from the inside, where confidences saturate: ``L - j`` bits where
the distance ``u`` to it lies in ``(2**-(j + 1), 2**-j]``, and none from
``u = 2**-8`` to as much beyond. A level so has as many cells for each octave
of the distance to 1 as for each octave of the distance to 0. The cells of
level ``L + 1`` are unions of cells of level ``L``.

Letters: P pixels, D distinct keys or cells, N blocks of 2**15 keys.
"""
from functools import lru_cache

import numpy as np

BLOCK_BITS = 15
MAX_LEVEL = BLOCK_BITS  # a cell stays within its block

_SIGN = np.int32(-1 << 31)
_SIGN_BIT = np.uint32(1 << 31)
_KEY_OF_MINUS_INFINITY = (1 << 23) - 1
_KEY_OF_ONE = 0xBF800000
_NUM_BLOCKS = 1 << (32 - BLOCK_BITS)
_CHUNK = 1 << 16  # keys in flight; their scratch arrays stay in the cache
_EXACT = MAX_LEVEL  # bits kept back by the blocks that are never merged


def score_keys(scores: np.ndarray) -> np.ndarray:
    """Map scores to integers of the same order.

    Args:
        scores: (P,) float32 without NaN; infinities are scores like others.

    Returns:
        (P,) uint32 in [2**23 - 1, 2**32 - 2**23]; ``a < b`` for two scores
        iff it holds for their keys. -0.0 and 0.0 share a key.
    """
    if scores.min(initial=1) > 0:  # often, and worth a look
        return (scores.view(np.int32) ^ _SIGN).view(np.uint32)
    bits = (scores + np.float32(0)).view(np.int32)  # -0.0 becomes 0.0
    # Flip every bit of a negative number, only the sign of another one.
    flips = bits >> 31
    flips |= _SIGN
    bits ^= flips
    return bits.view(np.uint32)


@lru_cache(maxsize=1)
def _kept_bits() -> np.ndarray:
    """Return how many bits fewer than others each block drops, (N,) uint8."""
    kept = np.zeros(_NUM_BLOCKS, np.uint8)
    one = _KEY_OF_ONE >> BLOCK_BITS
    for octave in range(1, 8):  # [1 - 2**-octave, 1 - 2**-(octave + 1))
        start = one - (1 << (9 - octave))
        kept[start:start + (1 << (8 - octave))] = octave
    kept[one - 2:one + 1] = _EXACT
    # The key of -x is the key of x with all bits flipped.
    return np.maximum(kept, kept[::-1])


@lru_cache(maxsize=2)  # the old and the new level while cells move
def dropped_bits(level: int) -> np.ndarray:
    """Return how many low bits the keys of each block lose, (N,) uint8."""
    return level - np.minimum(_kept_bits(), level)


def is_exact(keys: np.ndarray) -> np.ndarray:
    """Whether no level merges a key: a score within 2**-8 of 1 or -1."""
    return _kept_bits()[keys >> np.uint32(BLOCK_BITS)] == _EXACT


def cell_keys(keys: np.ndarray, level: int) -> np.ndarray:
    """Return the smallest key of each key's cell.

    Args:
        keys: (P,) uint32.
        level: Bits to drop, 0 to 15.

    Returns:
        (P,) uint32; at level 0 the keys themselves.
    """
    if level == 0:
        return keys
    dropped = dropped_bits(level).take(keys >> np.uint32(BLOCK_BITS))
    return keys >> dropped << dropped


def sufficient_level(keys: np.ndarray, limit: int, level: int = 0) -> int:
    """Find the smallest level at which the keys occupy at most some cells.

    Args:
        keys: (D,) uint32, never falling.
        limit: Cells allowed.
        level: The smallest to consider.

    Returns:
        The level, 15 if even that has more cells.
    """
    changes = np.zeros(MAX_LEVEL, np.int64)
    for start in range(0, keys.size - 1, _CHUNK):
        part = keys[start:start + _CHUNK + 1]
        # Neighbours share a cell once all bits that differ are dropped.
        kept = _kept_bits()[part[1:] >> np.uint32(BLOCK_BITS)]
        bits = np.minimum(part[1:] ^ part[:-1], 1 << BLOCK_BITS) << kept
        changes += [np.count_nonzero(bits >= np.uint32(1 << dropped))
                    for dropped in range(MAX_LEVEL)]
    fits = np.append(changes[level:] < limit, True)
    return level + int(np.argmax(fits))


def score_of(keys: np.ndarray) -> np.ndarray:
    """Return the smallest score of each cell.

    Args:
        keys: (D,) uint32, the smallest key of each cell.

    Returns:
        (D,) float32; ``score >= it`` holds for the pixels of the cell and of
        all cells above, and for no other pixel.
    """
    # The lowest cell may start below the infinities, where NaN would be.
    keys = np.maximum(keys, np.uint32(_KEY_OF_MINUS_INFINITY))
    return np.where(keys & _SIGN_BIT, keys ^ _SIGN_BIT, ~keys).view(np.float32)


def score_below(keys: np.ndarray) -> np.ndarray:
    """Return the threshold that flags each cell and all above, by ``>``.

    Args:
        keys: (D,) uint32, the smallest key of each cell.

    Returns:
        (D,) float32, the largest number below the scores of the cell;
        -inf for a score of -inf, which no threshold flags.
    """
    return np.nextafter(score_of(keys), np.float32(-np.inf))
