"""Cut an image into windows and stitch their results.

Pure geometry: nothing here knows a network. Sizes, strides and origins are
``(rows, columns)``.

Shape letters: B images, c channels, H, W the whole map, h, w one window, N
windows of an image, n windows of one call.
"""
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from mmseg.utils import OptConfigType
from torch import Tensor

from ...checks import check_choice, check_integer, check_size

WINDOW_WEIGHTS = ('uniform', 'hann')


def even_starts(length: int, window: int) -> list[int]:
    """Space the fewest windows that cover a side evenly.

    ``n = ceil(length / window)`` windows start at
    ``floor(j * (length - window) / (n - 1))``.

    Args:
        length: Side of the image, > 0.
        window: Side of a window, > 0. A window larger than the image gives
            the one start 0.

    Returns:
        Rising starts, the first 0; where ``window <= length`` the last is
        ``length - window``.

    Source: field notes of tue-mps/eomt@7bd19dd,
    training/lightning_module.py, ``window_imgs_semantic``; differs: the
    original multiplies in floating point, which truncates some last starts
    to ``length - window - 1`` (aspect ratios above 7 at sides of 640 or
    1024) and leaves the last column without a window. Integers do not.
    """
    if length <= window:
        return [0]
    gaps = math.ceil(length / window) - 1
    return [j * (length - window) // gaps for j in range(gaps + 1)]


def strided_starts(length: int, window: int, stride: int) -> list[int]:
    """Step through a side; the last window ends where the image ends.

    Args:
        length: Side of the image, > 0.
        window: Side of a window, > 0.
        stride: Step, 0 < stride <= window.

    Returns:
        Rising starts as in MMSeg's ``EncoderDecoder.slide_inference``.
    """
    last = max(length - window, 0)
    steps = math.ceil(last / stride)
    return [min(j * stride, last) for j in range(steps + 1)]


def window_origins(size_hw: Sequence[int],
                   window_hw: Sequence[int],
                   stride_hw: Sequence[int] | None = None
                   ) -> list[tuple[int, int]]:
    """List the upper left corners of the windows that cover an image.

    Args:
        size_hw: Size of the image.
        window_hw: Size of a window.
        stride_hw: Steps between windows, or None for the fewest windows
            that cover the image, evenly spaced along either side.

    Returns:
        ``(y, x)`` of every window, row by row. Along a side where the window
        is larger than the image there is the one start 0.

    Raises:
        ValueError: If a stride is below 1 or exceeds the window, which would
            leave pixels uncovered.
    """
    if stride_hw is None:
        starts = [
            even_starts(*side)
            for side in zip(size_hw, window_hw, strict=True)
        ]
    else:
        check_stride(window_hw, stride_hw)
        starts = [
            strided_starts(*side)
            for side in zip(size_hw, window_hw, stride_hw, strict=True)
        ]
    return [(y, x) for y in starts[0] for x in starts[1]]


def check_stride(window_hw: Sequence[int], stride_hw: Sequence[int]) -> None:
    """Raise a ``ValueError`` if windows at these steps leave gaps."""
    pairs = zip(stride_hw, window_hw, strict=True)
    if any(not 0 < stride <= window for stride, window in pairs):
        raise ValueError(
            '`stride` must lie between 1 and `crop_size` on both sides: '
            f'expected <= {tuple(window_hw)}, got {tuple(stride_hw)}; '
            'use None to space the windows evenly')


def window_weight(window_hw: Sequence[int],
                  kind: str,
                  device: torch.device | str = 'cpu') -> Tensor:
    """Weigh the pixels of a window for the average over windows.

    Args:
        window_hw: Size of a window.
        kind: ``'uniform'``, all 1; or ``'hann'``, the product over both
            sides of ``sin(pi * (i + 0.5) / side) ** 2``. Taken at pixel
            centres it is never 0, so corners of the image, which one window
            covers, keep a value.
        device: Where the weights are needed.

    Returns:
        (h, w) float32 in (0, 1].

    Raises:
        ValueError: If ``kind`` is neither.
    """
    check_choice('window_weight', kind, WINDOW_WEIGHTS)
    if kind == 'uniform':
        return torch.ones(tuple(window_hw), device=device)
    rows, columns = (torch.sin(
        math.pi * (torch.arange(side, device=device) + 0.5) / side).square()
                     for side in window_hw)
    return rows[:, None] * columns  # (h, w)


def add_window(total: Tensor, values: Tensor, origin: tuple[int, int],
               weight: Tensor) -> None:
    """Add one weighted window to a running sum, in place.

    Args:
        total: (c, H, W) float32, the sum so far; the window lies inside.
        values: (c, h, w), any floating dtype.
        origin: ``(y, x)`` of the window.
        weight: (h, w) float32.
    """
    y, x = origin
    height, width = weight.shape
    total[:, y:y + height, x:x + width] += values.float() * weight


def total_weight(origins: Sequence[tuple[int, int]], size_hw: Sequence[int],
                 weight: Tensor) -> Tensor:
    """Sum the weights every pixel receives.

    Args:
        origins: ``(y, x)`` of the windows, each inside the image.
        size_hw: Size of the image.
        weight: (h, w) float32.

    Returns:
        (1, H, W) float32, > 0 wherever a window lies.
    """
    total = weight.new_zeros((1, *size_hw))
    for origin in origins:
        add_window(total, weight.new_ones((1, *weight.shape)), origin, weight)
    return total


def stitch_windows(inputs: Tensor,
                   forward: Callable[[Tensor, list[int]], dict[str, Tensor]],
                   window_hw: Sequence[int],
                   *,
                   stride_hw: Sequence[int] | None = None,
                   weight_kind: str = 'uniform',
                   batch_size: int = 4) -> dict[str, Tensor]:
    """Run a function on the windows of images and stitch its results.

    Where windows overlap a pixel is ``sum(weight * x) / sum(weight)``.
    Windows larger than the images see zeros below and to the right; their
    results there are cut off.

    Args:
        inputs: (B, 3, H, W).
        forward: From windows (n, 3, h, w) and the n indices of their images
            to name -> (n, c, h, w).
        window_hw: Size of a window.
        stride_hw: See :func:`window_origins`.
        weight_kind: See :func:`window_weight`.
        batch_size: Windows given to one call; they may be of two images.

    Returns:
        Name -> (B, c, H, W) float32.
    """
    height, width = inputs.shape[-2:]
    inputs = _pad_to(inputs, window_hw)
    origins = window_origins(inputs.shape[-2:], window_hw, stride_hw)
    weight = window_weight(window_hw, weight_kind, inputs.device)
    places = [(i, origin) for i in range(len(inputs)) for origin in origins]
    totals: dict[str, Tensor] = {}
    for start in range(0, len(places), batch_size):
        some = places[start:start + batch_size]
        windows = _cut(inputs, some, window_hw)
        for name, values in forward(windows, [i for i, _ in some]).items():
            if name not in totals:
                totals[name] = inputs.new_zeros(
                    (len(inputs), values.shape[1], *inputs.shape[-2:]),
                    dtype=torch.float32)
            for (i, origin), value in zip(some, values, strict=True):
                add_window(totals[name][i], value, origin, weight)
    norm = total_weight(origins, inputs.shape[-2:], weight)
    return {
        name: total.div_(norm)[..., :height, :width]
        for name, total in totals.items()
    }


def _pad_to(inputs: Tensor, window_hw: Sequence[int]) -> Tensor:
    (height, width), size_hw = window_hw, inputs.shape[-2:]
    below, right = max(height - size_hw[0], 0), max(width - size_hw[1], 0)
    return F.pad(inputs, (0, right, 0, below)) if below or right else inputs


def _cut(inputs: Tensor, places: Sequence[tuple[int, tuple[int, int]]],
         window_hw: Sequence[int]) -> Tensor:
    height, width = window_hw
    return torch.stack([
        inputs[i, :, y:y + height, x:x + width] for i, (y, x) in places
    ])  # (n, 3, h, w)


@dataclass(frozen=True)
class WindowSettings:
    """``test_cfg`` of the segmentor, checked; the attributes are its keys."""

    mode: str = 'whole'
    crop_size: tuple[int, int] | None = None
    stride: tuple[int, int] | None = None
    window_weight: str = 'uniform'
    window_batch_size: int = 4
    scorer: str | dict | Sequence[str | dict] = 'max_logit'
    roi: str | int | None = None

    def __post_init__(self) -> None:
        of = 'test_cfg'
        check_choice('mode', self.mode, ('slide', 'whole'), of=of)
        check_size('crop_size', self.crop_size, optional=True, of=of)
        check_size('stride', self.stride, optional=True, of=of)
        check_choice('window_weight', self.window_weight, WINDOW_WEIGHTS,
                     of=of)
        check_integer('window_batch_size', self.window_batch_size, low=1,
                      of=of)
        if self.mode == 'slide' and self.crop_size is None:
            raise ValueError("`test_cfg.mode='slide'` needs a `crop_size` "
                             '(rows, columns), got None')
        if self.mode == 'slide' and self.stride is not None:
            check_stride(self.crop_size, self.stride)

    @classmethod
    def from_cfg(cls, test_cfg: OptConfigType) -> 'WindowSettings':
        """Read ``test_cfg``; an unknown key is an error."""
        cfg = dict(test_cfg or {})
        unknown = sorted(set(cfg) - set(cls.__dataclass_fields__))
        if unknown:
            raise ValueError(f'`test_cfg` has unknown keys {unknown}; '
                             f'it takes {sorted(cls.__dataclass_fields__)}')
        return cls(**cfg)

    def layout(self, size_hw: Sequence[int]) -> tuple[
            Sequence[int], Sequence[int] | None]:
        """Return size and stride of the windows over inputs of a size."""
        if self.mode == 'whole':
            return tuple(size_hw), None
        return self.crop_size, self.stride

    @property
    def protocol(self) -> str:
        """How the windows were laid out, in one line that reports print."""
        if self.mode == 'whole':
            return 'whole image'
        stride = 'even' if self.stride is None else tuple(self.stride)
        return (f'windows {tuple(self.crop_size)}, stride {stride}, '
                f'{self.window_weight} weights')
