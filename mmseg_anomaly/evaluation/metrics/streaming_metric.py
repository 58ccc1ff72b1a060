"""The life cycle that all anomaly metrics share.

Shape letters: H, W the original image.
"""
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch
from mmengine.dist import (
    all_gather_object,
    barrier,
    broadcast_object_list,
    collect_results,
    get_dist_info,
)
from mmengine.evaluator import BaseMetric
from torch import Tensor

from ...labels import IGNORE_INDEX, OUTLIER_INDEX

AnomalyMaps = dict[str, np.ndarray]
"""Scorer ('' if unnamed) -> (H, W) float32, larger = more anomalous."""

PROTOCOL_UNKNOWN = 'not stated by the model'


class StreamingMetric(BaseMetric):
    """A metric that looks at every image once and then forgets it.

    Whatever the batches and however many processes: each image of the set is
    counted exactly once. Samplers give every process equally many images and
    repeat some for that, at most one per process, and only the newest one can
    be such a repetition. So it is held back until the size of the set is
    known.

    A subclass sets its own options first, then calls this constructor, which
    calls :meth:`reset`. Then come, for every image, :meth:`choose_maps` and
    :meth:`add_image`; once, :meth:`finish_images`; :meth:`parts` on every
    process but the first; :meth:`merge` and :meth:`compute` on the first.

    Args:
        collect_device: 'cpu' gathers parts through files, 'gpu' through the
            process group (of any backend).
        prefix: Replaces ``default_prefix`` in the names.
        collect_dir: Folder of those files.

    Attributes:
        num_images: Images counted; in :meth:`compute`, of the whole set.
        num_normal_images: Those without an anomaly.
        anomaly_protocol: How the model made the maps, in its own words.
    """

    def __init__(self, collect_device: str = 'cpu', prefix: str | None = None,
                 collect_dir: str | None = None) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        self._restart()

    @abstractmethod
    def reset(self) -> None:
        """Forget every image."""

    def choose_maps(self, data_sample: dict,
                    maps: AnomalyMaps) -> AnomalyMaps | None:
        """Return the maps to measure; None measures none of this image."""
        return maps

    @abstractmethod
    def add_image(self, name: str, label: np.ndarray,
                  maps: AnomalyMaps) -> None:
        """Count an image.

        Args:
            name: What error messages call it.
            label: (H, W) uint8 of 0, 1 and 255 (void).
            maps: What :meth:`choose_maps` returned, with the same scorers
                for every image.
        """

    def finish_images(self) -> None:
        """Do what needs all images; every process calls it once."""

    @abstractmethod
    def parts(self) -> Iterator[object]:
        """Yield what this process counted, in pieces that pickle well."""

    @abstractmethod
    def merge(self, part: object) -> None:
        """Add a part of another process."""

    @abstractmethod
    def compute(self) -> dict[str, float]:
        """Return the metrics of the whole set without prefix."""

    def process(self, data_batch: dict | None,
                data_samples: Sequence[dict]) -> None:
        """Count the images of a batch.

        Args:
            data_batch: Unused, part of MMEngine's interface.
            data_samples: Each with ``pred_anomaly_map`` and ``gt_sem_seg``,
                both (1, H, W) under 'data'; with ``anomaly_map_<name>`` for
                every name in ``anomaly_scorers``.

        Raises:
            KeyError: If a map or the ground truth is missing.
            ValueError: If a map does not fit the label, holds NaN on a valid
                pixel, or the scorers change between images.
        """
        for data_sample in data_samples:
            maps = self.choose_maps(data_sample, anomaly_maps(data_sample))
            if maps is None:
                continue
            self.anomaly_protocol = data_sample.get('anomaly_protocol',
                                                    self.anomaly_protocol)
            image = (image_name(data_sample),
                     anomaly_label(data_sample, maps), maps)
            self._num_seen += 1
            if get_dist_info()[1] == 1:
                self._count(*image)
            else:
                self._count_newest()
                self._newest = image

    def _count_newest(self) -> None:
        if self._newest is not None:
            self._count(*self._newest)
            self._newest = None

    def _count(self, name: str, label: np.ndarray, maps: AnomalyMaps) -> None:
        self._scorers = self._scorers or tuple(maps)
        if tuple(maps) != self._scorers:
            raise ValueError(f'{name} has the scorers {tuple(maps)}, the '
                             f'images before {self._scorers}; evaluate one '
                             'model at a time')
        self.add_image(name, label, maps)
        self.num_images += 1
        self.num_normal_images += not (label == 1).any()

    def evaluate(self, size: int) -> dict[str, float]:
        """Compute the metrics over all processes and forget the images.

        Args:
            size: Images in the dataset; what the sampler added is dropped.

        Returns:
            Prefixed names and values, the same on every process.
        """
        rank, world_size = get_dist_info()
        if rank + (self._num_seen - 1) * world_size < size:
            self._count_newest()
        self.finish_images()
        self.num_images, self.num_normal_images = np.sum(
            all_gather_object((self.num_images, self.num_normal_images)),
            axis=0).tolist()
        self.gather(self.parts, self.merge)
        metrics = [None]
        if rank == 0:
            values = self.compute_metrics(self.results)
            metrics = [{f'{self.prefix}/{k}': v for k, v in values.items()}]
        broadcast_object_list(metrics)
        self._restart()
        return metrics[0]

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Compute the metrics; MMEngine's list of results stays empty."""
        return self.compute()

    def _restart(self) -> None:
        self._newest: tuple[str, np.ndarray, AnomalyMaps] | None = None
        self._num_seen = 0
        self._scorers: tuple[str, ...] = ()
        self.num_images = 0
        self.num_normal_images = 0
        self.anomaly_protocol = PROTOCOL_UNKNOWN
        self.reset()

    def gather(self, parts: Callable[[], Iterable[object]],
               merge: Callable[[object], None]) -> None:
        """Merge the parts of all other processes into the first one.

        One part of one process travels at a time. Every process calls this.
        """
        rank, world_size = get_dist_info()
        for source in range(1, world_size):
            own = iter(parts()) if rank == source else iter(())
            while True:
                part = [next(own, None)]
                goes_on = [part[0] is not None]
                broadcast_object_list(goes_on, src=source)
                if not goes_on[0]:
                    break
                part = self._send(part, source)
                if rank == 0:
                    merge(part[0])

    def _send(self, part: list, source: int) -> list | None:
        """Return the part of the source on the first process."""
        if self.collect_device != 'cpu':
            broadcast_object_list(part, src=source)
            return part
        # of the parts of all processes, those that are not None come back
        part = collect_results(part, get_dist_info()[1], 'cpu',
                               self.collect_dir)
        barrier()  # the first process has removed the files by now
        return part


def values_by_scorer(
        results: Sequence[tuple[str, dict[str, float]]]) -> dict[str, float]:
    """Name the values of several scorers.

    Args:
        results: For each scorer its name ('' if unnamed) and its values; at
            least one.

    Returns:
        The values of the first scorer by their own names, and those of each
        named scorer as ``<scorer>/<name>``.
    """
    metrics = dict(results[0][1])
    for scorer, values in results:
        if scorer:
            metrics |= {f'{scorer}/{key}': value
                        for key, value in values.items()}
    return metrics


def image_name(data_sample: dict) -> str:
    """Return what error messages call the image."""
    return data_sample.get('img_path', 'an image without img_path')


def anomaly_maps(data_sample: dict) -> AnomalyMaps:
    """Return each scorer's map, the first scorer first.

    Args:
        data_sample: With ``anomaly_map_<name>`` (1, H, W) for each of its
            ``anomaly_scorers``; one scorer, or an unnamed one, is read from
            ``pred_anomaly_map``.

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


def anomaly_label(data_sample: dict, maps: AnomalyMaps) -> np.ndarray:
    """Return the anomaly label, (H, W) uint8 of 0, 1 and 255 (void).

    Args:
        data_sample: With ``gt_sem_seg`` (1, H, W) as stored.
        maps: Must have the shape of the label.

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
    # several times faster than `split_outliers` or a table
    label = (stored == OUTLIER_INDEX).view(np.uint8)
    label -= (stored == IGNORE_INDEX).view(np.uint8)  # 0 - 1 wraps to 255
    return label
