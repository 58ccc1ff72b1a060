"""Read maps and labels out of a data sample, with errors that name the image.

Shape letters: H, W the original image.
"""
import numpy as np
import torch
from torch import Tensor

from ...labels import IGNORE_INDEX, OUTLIER_INDEX


def image_name(data_sample: dict) -> str:
    """Return what error messages call the image."""
    return data_sample.get('img_path', 'an image without img_path')


def anomaly_maps(data_sample: dict) -> dict[str, np.ndarray]:
    """Return each scorer's map, the first scorer first.

    Args:
        data_sample: With ``anomaly_map_<name>`` (1, H, W) for each of its
            ``anomaly_scorers``; one scorer, or an unnamed one, is read from
            ``pred_anomaly_map``.

    Returns:
        Name ('' if unnamed) -> (H, W) float32.

    Raises:
        KeyError: If a map is missing.
    """
    scorers = data_sample.get('anomaly_scorers', ('', ))
    keys = [f'anomaly_map_{scorer}' for scorer in scorers]
    if len(keys) == 1:
        keys = ['pred_anomaly_map']
    for key in keys:
        if key not in data_sample:
            raise KeyError(
                f'the prediction of {image_name(data_sample)} has no '
                f'`{key}`; use the segmentor SlideInferenceWithStitch with a '
                'scorer')
    return {
        scorer: _to_scores(data_sample[key]['data'])
        for scorer, key in zip(scorers, keys, strict=True)
    }


def _to_scores(anomaly_map: Tensor) -> np.ndarray:
    if anomaly_map.dtype in (torch.float16, torch.bfloat16):
        anomaly_map = anomaly_map.float()  # exact
    return anomaly_map.squeeze(0).cpu().numpy()


def anomaly_label(data_sample: dict,
                  maps: dict[str, np.ndarray]) -> np.ndarray:
    """Return the anomaly label.

    Args:
        data_sample: With ``gt_sem_seg`` (1, H, W) as stored.
        maps: That must have its shape.

    Returns:
        (H, W) uint8 of 0 (in-distribution), 1 (anomaly) and 255 (void).

    Raises:
        KeyError: If there is no ground truth.
        ValueError: If a map has another shape, or a label does not fit into
            8 bits.
    """
    if 'gt_sem_seg' not in data_sample:
        raise KeyError(
            f'{image_name(data_sample)} comes without `gt_sem_seg`; load '
            'annotations in the pipeline, or set `format_only=True`')
    seg_label = data_sample['gt_sem_seg']['data'].squeeze(0)
    for scorer, anomaly_map in maps.items():
        if anomaly_map.shape != tuple(seg_label.shape):
            raise ValueError(
                f'anomaly map {scorer} of {image_name(data_sample)} must have '
                f'the shape of its label {tuple(seg_label.shape)}, got '
                f'{anomaly_map.shape}; load annotations after resizing, so '
                'that they keep the original size')
    low, high = seg_label.aminmax()
    if low < 0 or high > 255:  # a cast to 8 bit would wrap
        raise ValueError(f'the label of {image_name(data_sample)} must lie in '
                         f'[0, 255], got ids from {low} to {high}; load it '
                         'with LoadCheckedAnnotations')
    stored = seg_label.to(torch.uint8).cpu().numpy()
    # Several times faster than `split_outliers` or a table.
    anomaly = (stored == OUTLIER_INDEX).view(np.uint8)
    anomaly -= (stored == IGNORE_INDEX).view(np.uint8)  # 0 - 1 wraps to 255
    return anomaly
