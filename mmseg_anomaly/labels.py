"""The label convention: class ids and three reserved ids.

Other files import the reserved numbers from here; ``evaluation/pixels``, which
must not import torch, repeats 255, and a test compares the two.

``gt_sem_seg`` holds class ids and three reserved ids. Geometric transforms
treat them like any label, so nothing else has to be carried along.

========  =====================================  ========  =======
stored    meaning                                semantic  anomaly
========  =====================================  ========  =======
class id  a class of the training set            class id  0
253       in-distribution, class not annotated   255       0
254       an anomaly, pasted or annotated        255       1
255       void                                   255       255
========  =====================================  ========  =======

Shape letters: N masks, H rows, W columns.
"""
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from torch import Tensor

KNOWN_INDEX = 253
OUTLIER_INDEX = 254
IGNORE_INDEX = 255
RESERVED_INDICES = (KNOWN_INDEX, OUTLIER_INDEX, IGNORE_INDEX)

OUTSIDE_SCORE = float(np.finfo(np.float32).min)
"""Score of a pixel outside the region of interest, below all others."""

LabelMap = TypeVar('LabelMap', Tensor, np.ndarray)


@runtime_checkable
class AnomalyLabeller(Protocol):
    """A transform or dataset that says whether it labels anomalies.

    Attributes:
        labels_anomalies: Whether its labels may hold ``OUTLIER_INDEX``.
    """

    labels_anomalies: bool


def labels_anomalies(part: Any) -> bool:
    """Whether a transform or dataset labels anomalies; False by default."""
    return isinstance(part, AnomalyLabeller) and part.labels_anomalies


def refuse_reduce_zero_label(reduce_zero_label: bool) -> None:
    """Raise if MMSeg would shift the labels of a dataset by one.

    Args:
        reduce_zero_label: As given to a dataset.

    Raises:
        ValueError: If it is set: class 0 would become void, and the outlier
            id a class id.
    """
    if reduce_zero_label:
        raise ValueError(
            f'`reduce_zero_label=True` would turn the outlier id '
            f'{OUTLIER_INDEX} into a class id, and class 0 into void; set it '
            'to False in the dataset and list the ids that change in its '
            'label map')


def split_outliers(seg_label: LabelMap) -> tuple[LabelMap, LabelMap]:
    """Split stored labels into a semantic and an anomaly label.

    Args:
        seg_label: Integer labels of any shape, class ids and reserved ids as
            stored in ``gt_sem_seg``; a tensor or an array.

    Returns:
        ``(semantic_label, anomaly_label)`` of the shape, dtype and device of
        the input. The first holds class ids and 255, the second 0
        (in-distribution), 1 (anomaly) and 255 (void). The input is untouched.
    """
    copy = Tensor.clone if isinstance(seg_label, Tensor) else np.copy
    semantic_label = copy(seg_label)
    semantic_label[seg_label >= KNOWN_INDEX] = IGNORE_INDEX
    anomaly_label = copy(seg_label)
    anomaly_label[seg_label < IGNORE_INDEX] = 0
    anomaly_label[seg_label == OUTLIER_INDEX] = 1
    return semantic_label, anomaly_label


def anomaly_to_instances(
        anomaly_label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn an anomaly label map into the instance form some tools use.

    Args:
        anomaly_label: (H, W) of 0, 1 and 255.

    Returns:
        ``(masks, labels)``: (N, H, W) bool and (N,) uint8, one mask for each
        value that occurs, in rising order of the value.

    Raises:
        ValueError: If another value than 0, 1 or 255 occurs.
    """
    labels = np.unique(anomaly_label)
    unknown = sorted(set(labels.tolist()) - {0, 1, IGNORE_INDEX})
    if unknown:
        raise ValueError('an anomaly label holds 0 (in-distribution), '
                         f'1 (anomaly) and 255 (void), got {unknown}; map '
                         'the raw labels first')
    masks = anomaly_label[None] == labels[:, None, None]  # (N, H, W)
    return masks, labels.astype(np.uint8)


def instances_to_anomaly(masks: np.ndarray,
                         labels: np.ndarray) -> np.ndarray:
    """Turn the instance form back into an anomaly label map.

    Where masks overlap an anomaly hides void, and void hides
    in-distribution; pixels of no mask are in-distribution.

    Args:
        masks: (N, H, W) bool.
        labels: (N,) of 0, 1 and 255.

    Returns:
        (H, W) uint8 of 0, 1 and 255.

    Raises:
        ValueError: If the counts differ or a label is none of the three.
    """
    if len(masks) != len(labels):
        raise ValueError(f'expected one label for each mask, got '
                         f'{len(masks)} masks and {len(labels)} labels')
    unknown = sorted(set(np.asarray(labels).tolist()) - {0, 1, IGNORE_INDEX})
    if unknown:
        raise ValueError('an instance label is 0 (in-distribution), '
                         f'1 (anomaly) or 255 (void), got {unknown}')
    anomaly_label = np.zeros(masks.shape[1:], np.uint8)
    for value in (IGNORE_INDEX, 1):
        anomaly_label[masks[np.asarray(labels) == value].any(axis=0)] = value
    return anomaly_label
