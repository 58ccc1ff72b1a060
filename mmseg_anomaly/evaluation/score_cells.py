"""Order-preserving keys of float32 scores, and cells that merge them.

Level ``L`` drops the ``L`` low bits of a key, except within ``2**-8`` of 1
and -1, where confidences saturate and a few thousand float32 values may carry
most of the pixels: there nothing is ever merged. The cells of level ``L + 1``
are unions of cells of level ``L``.

Letters: P pixels, D distinct keys or cells.
"""
import numpy as np

MAX_LEVEL = 15  # 2**15 keys a cell: the exact ranges still end with a cell

_SIGN = np.int32(-1 << 31)
_EXACT_START = np.uint32(0xBF800000 - (1 << 16))  # the key of 1 - 2**-8
_NEVER = np.uint32(1 << 31)  # a difference that no level drops
_EXACT_WIDTH = np.uint32((1 << 16) + (1 << 15))  # up to below 1 + 2**-8


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


def _exact_offsets(keys: np.ndarray) -> np.ndarray:
    """Return each key's place in its exact range, else a larger number."""
    # The key of -x is the key of x with all bits flipped.
    return np.maximum(keys, ~keys) - _EXACT_START


def is_exact(keys: np.ndarray) -> np.ndarray:
    """Tell which keys no level ever merges: scores within 2**-8 of +-1."""
    return _exact_offsets(keys) < _EXACT_WIDTH


def encode(keys: np.ndarray, level: int) -> np.ndarray:
    """Number the cells of a level.

    Args:
        keys: (P,) uint32.
        level: Bits to drop, 0 to 15.

    Returns:
        (P,) uint32 below ``num_codes(level)`` and above 0, one number for
        each cell; neighbouring cells have neighbouring numbers. At level 0
        the keys themselves.
    """
    if level == 0:
        return keys
    codes = keys >> np.uint32(level)
    offsets = _exact_offsets(keys)
    exact = np.flatnonzero(offsets < _EXACT_WIDTH)
    if exact.size:  # they are numbered behind all others, 1 before -1
        negative = (keys[exact] < np.uint32(1 << 31)) * _EXACT_WIDTH
        first = np.uint32(1 << (32 - level))
        codes[exact] = first + offsets[exact] + negative
    return codes


def decode(codes: np.ndarray, level: int) -> np.ndarray:
    """Return the smallest key of each cell, (P,) uint32."""
    if level == 0:
        return codes
    keys = codes << np.uint32(level)
    offsets = codes - np.uint32(1 << (32 - level))
    exact = np.flatnonzero(codes >= np.uint32(1 << (32 - level)))
    offsets = offsets[exact]
    negative = offsets >= _EXACT_WIDTH
    positive_keys = _EXACT_START + offsets - negative * _EXACT_WIDTH
    keys[exact] = np.where(negative, ~positive_keys, positive_keys)
    return keys


def num_codes(level: int) -> int:
    """Return a number above every code of a level."""
    exact = 2 * int(_EXACT_WIDTH) if level else 0
    return (1 << (32 - level)) + exact


def sufficient_level(keys: np.ndarray, limit: int) -> int:
    """Find the smallest level at which the keys occupy at most some cells.

    Args:
        keys: (D,) uint32, strictly rising.
        limit: Cells allowed.

    Returns:
        The level, 15 if even that has more cells.
    """
    # Neighbours share a cell once their highest different bit is dropped.
    differences = keys[1:] ^ keys[:-1]
    exact = is_exact(keys)
    differences[exact[1:] | exact[:-1]] = _NEVER
    for level in range(MAX_LEVEL):
        if 1 + np.count_nonzero(differences >> np.uint32(level)) <= limit:
            return level
    return MAX_LEVEL
