import pickle
from itertools import islice

import cv2
import numpy as np
import pytest
import torch
from mmengine.dataset import DefaultSampler, InfiniteSampler
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from mmseg_anomaly.datasets.samplers import (
    SeededEpochSampler,
    SeededIndex,
    SeededInfiniteSampler,
)
from mmseg_anomaly.datasets.transforms import seed_sample

PIPELINE = [
    dict(type='SeedSample'),
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='OutlierPaste', source=dict(
        type='SyntheticOutliers', num_objects=9, size_px=(16, 30))),
    dict(type='RandomResize', scale=(64, 48), ratio_range=(0.8, 1.5),
         keep_ratio=True),
    dict(type='RandomCrop', crop_size=(32, 40)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs'),
]


@pytest.fixture
def dataset(tmp_path):
    """Return the config of five scenes, all different."""
    for folder in ('images', 'labels'):
        (tmp_path / folder).mkdir()
    for number in range(5):
        noise = np.random.default_rng(number).integers(
            256, size=(48, 64, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / f'images/{number}.png'), noise)
        cv2.imwrite(str(tmp_path / f'labels/{number}.png'), noise[..., 0] % 2)
    return dict(
        type='BaseSegDataset', metainfo=dict(classes=('a', 'b')),
        data_root=str(tmp_path), img_suffix='.png', pipeline=PIPELINE,
        data_prefix=dict(img_path='images', seg_map_path='labels'))


def load(dataset, num_workers, sampler='SeededInfiniteSampler', skipped=0):
    """Return seven batches as the training loop gets them."""
    init_default_scope('mmseg')
    np.random.seed(num_workers)  # whatever happened before
    loader = Runner.build_dataloader(
        dict(batch_size=2, num_workers=num_workers, dataset=dataset,
             sampler=dict(type=sampler, shuffle=True)), seed=3)
    return [
        (batch['inputs'], [sample.gt_sem_seg.data
                           for sample in batch['data_samples']])
        for batch in islice(loader, skipped, 7)
    ]


def are_equal(first, second):
    return all(
        torch.equal(*pair) for batch, other in zip(first, second, strict=True)
        for part, other_part in zip(batch, other, strict=True)
        for pair in zip(part, other_part, strict=True))


@pytest.mark.parametrize('num_workers', [1, 4])
def test_workers__make_the_samples_of_none(dataset, num_workers):
    expected = load(dataset, 0)
    assert any((label == 254).any() for _, labels in expected
               for label in labels)
    assert are_equal(expected, load(dataset, num_workers))


def test_mmengines_sampler__depends_on_the_workers(dataset):
    # else the test above proves nothing
    loaded = [load(dataset, num_workers, 'InfiniteSampler')
              for num_workers in (1, 4)]
    assert not are_equal(*loaded)


def test_batches_after_a_resume__are_those_of_one_run(dataset):
    assert are_equal(load(dataset, 4)[3:], load(dataset, 1, skipped=3))


@pytest.mark.parametrize('wrap', [
    lambda part: dict(type='RepeatDataset', dataset=part, times=2),
    lambda part: dict(type='ConcatDataset', datasets=[part, part])
])
def test_wrapped_datasets__keep_the_seed(dataset, wrap):
    assert are_equal(load(wrap(dataset), 0), load(wrap(dataset), 4))


def test_seeded_index__keeps_its_seed_in_sums():
    for index in (SeededIndex(7, (1, 2)) % 5, SeededIndex(7, (1, 2)) - 5):
        assert index == 2 and index.seed == (1, 2)


def test_visits_of_an_image__differ(dataset):
    sampler = SeededInfiniteSampler(range(1), seed=0)
    first, second = islice(sampler, 2)
    assert first == second == 0 and first.seed != second.seed


def test_order__is_that_of_mmengine_whatever_the_ranks(monkeypatch):
    expected = list(islice(InfiniteSampler(range(5), seed=3), 12))
    ranks = []
    for rank in range(2):
        monkeypatch.setattr('mmengine.dataset.sampler.get_dist_info',
                            lambda rank=rank: (rank, 2))
        ranks.append(list(islice(SeededInfiniteSampler(range(5), seed=3), 6)))
    merged = [index for pair in zip(*ranks, strict=True) for index in pair]
    assert merged == expected
    assert [index.seed for index in merged] == [(3, i) for i in range(12)]


def load_epochs(dataset, num_workers, epochs):
    """Return the batches of epochs, as EpochBasedTrainLoop gets them."""
    init_default_scope('mmseg')
    np.random.seed(num_workers)
    loader = Runner.build_dataloader(
        dict(batch_size=2, num_workers=num_workers, dataset=dataset,
             sampler=dict(type='SeededEpochSampler', shuffle=True)), seed=3)
    batches = []
    for epoch in epochs:
        loader.sampler.set_epoch(epoch)  # as DistSamplerSeedHook does
        batches += [(batch['inputs'], [sample.gt_sem_seg.data for sample
                                       in batch['data_samples']])
                    for batch in loader]
    return batches


@pytest.mark.parametrize('num_workers', [1, 4])
def test_epochs__are_those_of_no_worker(dataset, num_workers):
    assert are_equal(load_epochs(dataset, 0, [0, 1]),
                     load_epochs(dataset, num_workers, [0, 1]))


def test_epochs_after_a_resume__are_those_of_one_run(dataset):
    whole = load_epochs(dataset, 0, [0, 1])
    assert are_equal(whole[3:], load_epochs(dataset, 0, [1]))
    assert not are_equal(whole[:3], whole[3:])


def test_order_of_epochs__is_that_of_mmengine_whatever_the_processes(
        monkeypatch):
    expected = list(DefaultSampler(range(6), seed=3))
    alone = list(SeededEpochSampler(range(6), seed=3))
    parts = []
    for rank in range(2):
        monkeypatch.setattr('mmengine.dataset.sampler.get_dist_info',
                            lambda rank=rank: (rank, 2))
        parts.append(list(SeededEpochSampler(range(6), seed=3)))
    merged = [index for pair in zip(*parts, strict=True) for index in pair]
    assert merged == alone == expected
    assert ([index.seed for index in merged]
            == [index.seed for index in alone]
            == [(3, 0, place) for place in range(6)])


def test_index__keeps_its_seed_when_sent_to_a_worker():
    index = pickle.loads(pickle.dumps(SeededIndex(7, (1, 2))))
    assert index == 7 and index.seed == (1, 2)


def test_sample_without_seed__is_random_and_told_once(monkeypatch):
    messages = []
    monkeypatch.setattr(seed_sample, 'print_log',
                        lambda text, **_: messages.append(text))
    transform = seed_sample.SeedSample()
    np.random.seed(0)
    expected = np.random.random(2)
    np.random.seed(0)
    drawn = []
    for _ in range(2):
        transform(dict(sample_idx=0))
        drawn.append(np.random.random())
    np.testing.assert_array_equal(drawn, expected)
    assert len(messages) == 1 and 'SeededInfiniteSampler' in messages[0]
