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

MAX_LEVEL = 15  # a cell stays within its block

_SIGN = np.int32(-1 << 31)
_KEY_OF_ONE = 0xBF800000
_BLOCK_BITS = 15
_NUM_BLOCKS = 1 << (32 - _BLOCK_BITS)
_EXACT = MAX_LEVEL  # bits kept back by the blocks that are never merged


def score_keys(scores: np.ndarray) -> np.ndarray:
    """Map scores to integers of the same order.

    Args:
        scores: (P,) float32 without NaN; infinities are scores like others.

    Returns:
        (P,) uint32 in [2**23 - 1, 2**32 - 2**23]; ``a < b`` for two scores
        iff it holds for their keys. -0.0 and 0.0 share a key.
    """
    bits = (scores + np.float32(0)).view(np.int32)  # -0.0 becomes 0.0
    # Flip every bit of a negative number, only the sign of another one.
    return (bits ^ ((bits >> 31) | _SIGN)).view(np.uint32)


@lru_cache(maxsize=1)
def _kept_bits() -> np.ndarray:
    """Return how many bits fewer than others each block drops, (N,) uint8."""
    kept = np.zeros(_NUM_BLOCKS, np.uint8)
    one = _KEY_OF_ONE >> _BLOCK_BITS
    for octave in range(1, 8):  # [1 - 2**-octave, 1 - 2**-(octave + 1))
        start = one - (1 << (9 - octave))
        kept[start:start + (1 << (8 - octave))] = octave
    kept[one - 2:one + 1] = _EXACT
    # The key of -x is the key of x with all bits flipped.
    return np.maximum(kept, kept[::-1])


@lru_cache(maxsize=2)  # the old and the new level while cells move
def _layout(level: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how the blocks are numbered at a level.

    Returns:
        Dropped bits (N,) and first code (N,) of each block, uint32, and the
        block, int32, of each run of ``2**(15 - level)`` codes: that many
        cells has a block that drops all bits of the level, the others have a
        multiple.
    """
    kept = np.minimum(_kept_bits(), level).astype(np.uint32)
    runs = 1 << kept.astype(np.int64)
    firsts = (np.cumsum(runs) - runs) << (_BLOCK_BITS - level)
    blocks = np.repeat(np.arange(_NUM_BLOCKS, dtype=np.int32), runs)
    return np.uint32(level) - kept, firsts.astype(np.uint32), blocks


def is_exact(keys: np.ndarray) -> np.ndarray:
    """Tell which keys no level ever merges: scores within 2**-8 of +-1."""
    return _kept_bits()[keys >> np.uint32(_BLOCK_BITS)] == _EXACT


def encode(keys: np.ndarray, level: int) -> np.ndarray:
    """Number the cells of a level.

    Args:
        keys: (P,) uint32.
        level: Bits to drop, 0 to 15.

    Returns:
        (P,) uint32 in (0, num_codes(level)), one number for each cell, in
        the order of the keys; at level 0 the keys themselves.
    """
    if level == 0:
        return keys
    dropped, firsts, _ = _layout(level)
    blocks = keys >> np.uint32(_BLOCK_BITS)
    offsets = keys & np.uint32((1 << _BLOCK_BITS) - 1)
    return firsts.take(blocks) + (offsets >> dropped.take(blocks))


def decode(codes: np.ndarray, level: int) -> np.ndarray:
    """Return the smallest key of each cell, (P,) uint32."""
    if level == 0:
        return codes
    dropped, firsts, blocks_of_runs = _layout(level)
    blocks = blocks_of_runs[codes >> np.uint32(_BLOCK_BITS - level)]
    offsets = (codes - firsts[blocks]) << dropped[blocks]
    return (blocks.astype(np.uint32) << np.uint32(_BLOCK_BITS)) + offsets


def num_codes(level: int) -> int:
    """Return the number above the codes of a level."""
    if level == 0:
        return 1 << 32
    return _layout(level)[2].size << (_BLOCK_BITS - level)


def sufficient_level(keys: np.ndarray, limit: int) -> int:
    """Find the smallest level at which the keys occupy at most some cells.

    Args:
        keys: (D,) uint32, strictly rising.
        limit: Cells allowed.

    Returns:
        The level, 15 if even that has more cells.
    """
    # Neighbours share a cell once all bits that differ are dropped.
    kept = _kept_bits()[keys[1:] >> np.uint32(_BLOCK_BITS)]
    differences = np.minimum(keys[1:] ^ keys[:-1], 1 << _BLOCK_BITS) << kept
    for level in range(MAX_LEVEL):
        if 1 + np.count_nonzero(differences >> np.uint32(level)) <= limit:
            return level
    return MAX_LEVEL
