"""What the tests of all metrics share."""
import importlib
from pathlib import Path

import numpy as np
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

import mmseg_anomaly  # noqa: F401


def make_sample(scores, labels, name: str = 'road.png',
                **maps) -> SegDataSample:
    """A data sample as the segmentor returns it.

    Args:
        scores: The plain map, a row of pixels or rows of them; None takes
            the first of ``maps``.
        labels: As stored, of the same shape; None leaves them out.
        name: Of the image.
        **maps: Scorer -> its map; None takes ``scores``.
    """
    if scores is None:
        scores = next(iter(maps.values()))
    sample = SegDataSample(metainfo={'img_path': f'images/{name}'})
    sample.pred_anomaly_map = PixelData(data=_pixels(scores).float())
    if labels is not None:
        sample.gt_sem_seg = PixelData(data=_pixels(labels).long())
    for scorer, values in maps.items():
        values = scores if values is None else values
        sample.set_data({
            f'anomaly_map_{scorer}': PixelData(data=_pixels(values).float())
        })
    if maps:
        sample.set_metainfo({
            'anomaly_scorers': tuple(maps),
            'anomaly_protocol': 'whole image'
        })
    return sample


def _pixels(values) -> torch.Tensor:
    """(1, H, W); a flat list is one row."""
    values = np.atleast_2d(np.asarray(values))
    return torch.from_numpy(values.copy())[None]


def evaluate(metric, samples, batch_size: int = 1) -> dict[str, float]:
    """Let a metric look at samples in batches."""
    for start in range(0, len(samples), batch_size):
        batch = samples[start:start + batch_size]
        metric.process(None, [sample.to_dict() for sample in batch])
    return metric.evaluate(len(samples))


def read_heatmap(path: Path) -> np.ndarray:
    """Scores (H, W) float32 of a heat map file."""
    with importlib.import_module('h5py').File(path, 'r') as file:
        return file['value'][:].astype(np.float32)


def random_samples(count: int) -> list[SegDataSample]:
    """Rows of 400 pixels and more, with the scorers `rba` and `energy`."""
    samples = []
    for index in range(count):
        rng = np.random.default_rng(index)
        labels = rng.choice([0, 18, 253, 254, 255], 400 + index)
        scores = (labels == 254) + rng.normal(size=labels.size)
        samples.append(make_sample(scores, labels, f'{index}.png', rba=None,
                                   energy=-scores**3))
    return samples


def square_sample(seed: int) -> SegDataSample:
    """An object of 20x20 pixels; `rba` finds it, `msp` a part of it."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((40, 60), np.uint8)
    top, left = rng.integers(20), rng.integers(30)
    labels[top:top + 20, left:left + 20] = 254
    labels[:, -5:] = 255
    rba = (labels == 254) + .3 * rng.random(labels.shape)
    rba[labels == 255] = 9
    msp = np.where(np.arange(60) < left + 8, rba, 0)
    return make_sample(None, labels, f'{seed}.png', rba=rba, msp=msp)
