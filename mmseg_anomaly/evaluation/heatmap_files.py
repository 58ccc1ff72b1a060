"""Heat map files as the code of SegmentMeIfYouCan reads them.

They are float16, which has 11 significant bits: between 0.5 and 1 only 1024
scores differ, so scores that clump near 1 are tied.
"""
import importlib
import re
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import numpy as np

from ..labels import OUTSIDE_SCORE

KEY = 'value'
FLOAT16_PREFIX = 'float16'
WORTH_A_WARNING = 0.1
"""Points of AuPRC that rounding may take without a word."""
_GZIP_LEVEL = 4  # 0.6 times the time of 9, files 1 % larger


def heatmap_path(folder: str | Path, method: str, dataset: str,
                 frame: str) -> Path:
    """Return where the benchmark looks for a map.

    Args:
        folder: What its code calls ``DIR_OUTPUTS``.
        method: Name of the method.
        dataset: Name the benchmark stores results under, such as
            'ObstacleTrack-all'.
        frame: Name of the image, without extension.

    Source: SegmentMeIfYouCan/road-anomaly-benchmark, ``evaluation.py``.
    """
    return Path(folder, 'anomaly_p', method, dataset, f'{frame}.hdf5')


def write_heatmap(path: Path, anomaly_map: np.ndarray) -> np.ndarray:
    """Write a map as float16, gzip compressed.

    Outside a region of interest it holds the lowest finite float16.

    Args:
        path: The file; its folder is made.
        anomaly_map: (H, W) float32, larger = more anomalous.

    Returns:
        (H, W) float32, the map with the rounding that the file has.

    Raises:
        ImportError: If h5py is missing.
        ValueError: If a score is NaN, or finite and beyond float16.
    """
    h5py = _load_h5py()
    if np.isnan(anomaly_map).any():
        raise ValueError(f'{path} cannot be written: its anomaly map holds '
                         'NaN; test weights that are finite')
    outside = anomaly_map == np.float32(OUTSIDE_SCORE)
    anomaly_map = np.where(outside, np.finfo(np.float16).min, anomaly_map)
    with np.errstate(over='ignore'):
        rounded = anomaly_map.astype(np.float16)
    if (np.isinf(rounded) & np.isfinite(anomaly_map)).any():
        raise ValueError(
            f'{path} cannot hold scores from {anomaly_map.min():g} to '
            f'{anomaly_map.max():g}: float16 ends at 65504; use another '
            'scorer, or scale its evidence')
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, 'w') as file:
        file.create_dataset(KEY, data=rounded, compression='gzip',
                            compression_opts=_GZIP_LEVEL, shuffle=True)
    return rounded.astype(np.float32)


def heatmap_shape(path: Path) -> tuple[int, ...]:
    """Return the shape of a stored map without reading its scores."""
    with _load_h5py().File(path, 'r') as file:
        return tuple(file[KEY].shape)


def _load_h5py() -> ModuleType:
    try:
        return importlib.import_module('h5py')
    except ImportError as error:
        raise ImportError('heat maps are stored as HDF5 files, which need '
                          'h5py: run `pip install h5py`') from error


def rounding_losses(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return the points of AuPRC that float16 takes from each scorer.

    Args:
        metrics: ``anomaly/<scorer>/AuPRC`` and ``float16/<scorer>/AuPRC``,
            in percent, among others.

    Returns:
        Scorer -> points lost; negative if ties happened to help, NaN where
        undefined.
    """
    found = (re.fullmatch(rf'{FLOAT16_PREFIX}/(.+)/AuPRC', key)
             for key in metrics)
    return {
        match[1]: metrics[f'anomaly/{match[1]}/AuPRC'] - metrics[match[0]]
        for match in found if match
    }


def rounding_warnings(losses: Mapping[str, float]) -> list[str]:
    """Name the scorers that lose more than 0.1 points, and what to submit.

    Args:
        losses: As :func:`rounding_losses` returns them.
    """
    return [
        f'rounding to float16 changes the AuPRC of {scorer} by {-loss:+.2f} '
        'points because many scores are so close that float16 cannot tell '
        f'them apart; submit {_better(scorer, losses)}'
        for scorer, loss in losses.items() if abs(loss) > WORTH_A_WARNING
    ]


def _better(scorer: str, losses: Mapping[str, float]) -> str:
    kept = [other for other, loss in losses.items()
            if abs(loss) <= WORTH_A_WARNING]
    if scorer == 'msp' and ('max_logit' in kept or 'max_logit' not in losses):
        return 'max_logit instead: it gives the same ranking'
    return f'a score that keeps its value, such as {kept[0]}' if kept else (
        'a score that does not clump; none of those computed keeps its value')
