"""The keys of ``test_cfg``, checked before anything is built."""
from collections.abc import Sequence
from dataclasses import dataclass

from mmseg.utils import OptConfigType

from .windows import WINDOW_WEIGHTS, check_stride


@dataclass(frozen=True)
class WindowSettings:
    """What ``test_cfg`` says; the names are its keys."""

    mode: str = 'whole'
    crop_size: tuple[int, int] | None = None
    stride: tuple[int, int] | None = None
    window_weight: str = 'uniform'
    window_batch_size: int = 4
    scorer: str | dict | Sequence[str | dict] = 'max_logit'

    def __post_init__(self) -> None:
        if self.mode not in ('slide', 'whole'):
            raise ValueError("`test_cfg.mode` must be 'slide' or 'whole', "
                             f'got {self.mode!r}')
        if self.mode == 'slide' and self.crop_size is None:
            raise ValueError("`test_cfg.mode='slide'` needs a `crop_size` "
                             '(rows, columns), got None')
        if self.mode == 'slide' and self.stride is not None:
            check_stride(self.crop_size, self.stride)
        if self.window_weight not in WINDOW_WEIGHTS:
            raise ValueError('`test_cfg.window_weight` must be one of '
                             f'{WINDOW_WEIGHTS}, got {self.window_weight!r}')
        if self.window_batch_size < 1:
            raise ValueError('`test_cfg.window_batch_size` must be at least '
                             f'1, got {self.window_batch_size}')

    @classmethod
    def from_cfg(cls, test_cfg: OptConfigType) -> 'WindowSettings':
        """Read ``test_cfg``; an unknown key is an error."""
        cfg = dict(test_cfg or {})
        unknown = sorted(set(cfg) - set(cls.__dataclass_fields__))
        if unknown:
            raise ValueError(f'`test_cfg` has unknown keys {unknown}; '
                             f'it takes {sorted(cls.__dataclass_fields__)}')
        return cls(**cfg)

    @property
    def protocol(self) -> str:
        """One line that tells a reader of a score how it came about."""
        if self.mode == 'whole':
            return 'whole image'
        stride = 'even' if self.stride is None else tuple(self.stride)
        return (f'windows {tuple(self.crop_size)}, stride {stride}, '
                f'{self.window_weight} weights')
