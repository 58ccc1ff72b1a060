"""The label convention, on maps written by hand."""
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from mmseg_anomaly.labels import (
    IGNORE_INDEX,
    KNOWN_INDEX,
    OUTLIER_INDEX,
    RESERVED_INDICES,
    anomaly_to_instances,
    instances_to_anomaly,
    refuse_reduce_zero_label,
    split_outliers,
)

DOCS = Path(__file__).resolve().parents[1] / 'docs' / 'datasets.md'

STORED = [[0, 18, 252], [253, 254, 255]]
SEMANTIC = [[0, 18, 252], [255, 255, 255]]
ANOMALY = [[0, 0, 0], [0, 1, 255]]


def test_reserved_indices__are_the_last_three_of_8_bit():
    assert (KNOWN_INDEX, OUTLIER_INDEX, IGNORE_INDEX) == (253, 254, 255)
    assert RESERVED_INDICES == (253, 254, 255)


@pytest.mark.parametrize('dtype', [np.uint8, np.int64])
def test_split__arrays_stay_arrays(dtype):
    stored = np.array(STORED, dtype)
    semantic, anomaly = split_outliers(stored)
    assert semantic.tolist() == SEMANTIC
    assert anomaly.tolist() == ANOMALY
    assert semantic.dtype == anomaly.dtype == dtype
    assert stored.tolist() == STORED


@pytest.mark.parametrize('dtype', [torch.uint8, torch.int64])
def test_split__tensors_stay_tensors(dtype):
    stored = torch.tensor(STORED, dtype=dtype)
    semantic, anomaly = split_outliers(stored)
    assert semantic.tolist() == SEMANTIC
    assert anomaly.tolist() == ANOMALY
    assert semantic.dtype == anomaly.dtype == dtype
    assert stored.tolist() == STORED


def test_to_instances__one_mask_for_each_value_that_occurs():
    anomaly = np.uint8([[255, 0], [1, 0]])
    masks, labels = anomaly_to_instances(anomaly)
    assert labels.tolist() == [0, 1, 255]
    assert masks.tolist() == [
        [[False, True], [False, True]],
        [[False, False], [True, False]],
        [[True, False], [False, False]],
    ]
    assert masks.dtype == bool and labels.dtype == np.uint8
    assert anomaly.tolist() == [[255, 0], [1, 0]]


def test_to_instances__leaves_out_values_that_do_not_occur():
    masks, labels = anomaly_to_instances(np.int64([[1, 1]]))
    assert labels.tolist() == [1] and labels.dtype == np.uint8
    assert masks.tolist() == [[[True, True]]]


@pytest.mark.parametrize('value', [-1, 2, 254])
def test_to_instances__other_values_are_refused(value):
    with pytest.raises(ValueError, match=rf'holds 0 .* got \[{value}\]'):
        anomaly_to_instances(np.array([[0, 1, 255, value]]))


@pytest.mark.parametrize('anomaly', [ANOMALY, [[1, 1]], [[255, 0]]])
def test_instances__there_and_back(anomaly):
    instances = anomaly_to_instances(np.uint8(anomaly))
    back = instances_to_anomaly(*instances)
    assert back.tolist() == anomaly
    assert back.dtype == np.uint8


@pytest.mark.parametrize('order', [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
def test_to_anomaly__anomaly_hides_void_hides_the_rest(order):
    masks = np.array([
        [[1, 1, 1, 0, 0]],  # in-distribution
        [[0, 1, 1, 1, 0]],  # void
        [[0, 0, 1, 1, 0]],  # anomaly
    ], bool)
    labels = np.array([0, 255, 1])
    anomaly = instances_to_anomaly(masks[order], labels[order])
    assert anomaly.tolist() == [[0, 255, 1, 1, 0]]


def test_to_anomaly__joins_masks_of_one_label_and_leaves_them_alone():
    masks = np.array([[[1, 0, 0]], [[0, 1, 0]]], bool)
    labels = np.uint8([1, 1])
    assert instances_to_anomaly(masks, labels).tolist() == [[1, 1, 0]]
    assert masks.tolist() == [[[True, False, False]], [[False, True, False]]]
    assert labels.tolist() == [1, 1]


def test_to_anomaly__no_mask_is_all_in_distribution():
    anomaly = instances_to_anomaly(np.zeros((0, 2, 3), bool), np.zeros(0))
    assert anomaly.tolist() == [[0, 0, 0], [0, 0, 0]]
    assert anomaly.dtype == np.uint8


def test_to_anomaly__needs_one_label_for_each_mask():
    with pytest.raises(ValueError, match='got 2 masks and 1 labels'):
        instances_to_anomaly(np.zeros((2, 1, 1), bool), np.array([1]))


def test_to_anomaly__other_labels_are_refused():
    with pytest.raises(ValueError, match=r'label is 0 .*got \[2, 254\]'):
        instances_to_anomaly(
            np.zeros((3, 1, 1), bool), np.array([254, 1, 2]))


def test_example_of_the_docs__prints_what_it_says(capsys):
    blocks = re.findall(r'```python\n(.*?)```', DOCS.read_text(), re.DOTALL)
    example, = [block for block in blocks if 'instances_to_anomaly' in block]
    exec(example, {})  # noqa: S102
    printed = capsys.readouterr().out.splitlines()
    assert printed == re.findall(r'print\(.*\)  # (.*)', example)
    assert len(printed) == 5


def test_reduce_zero_label__is_refused():
    refuse_reduce_zero_label(False)
    with pytest.raises(ValueError, match='the outlier id 254 into a class'):
        refuse_reduce_zero_label(True)
