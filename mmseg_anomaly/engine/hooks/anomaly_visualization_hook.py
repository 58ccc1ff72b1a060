"""Draw predictions while validating and testing."""
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset, ConcatDataset
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from mmseg.structures import SegDataSample

from ...checks import check_flags, check_integer, check_number
from ...class_names import ClassMeta, meta_of_config, names_classes
from ...evaluation.threshold_file import check_threshold
from ...paths import UnwrittenPictureError, picture_name
from ...visualization import AnomalyLocalVisualizer
from ..head_checkpoint import attached_head


@HOOKS.register_module()
class AnomalyVisualizationHook(Hook):
    """Hand images and results to the runner's visualizer.

    Images come through the loading transform of the dataset's own pipeline,
    so whatever format or correction a dataset needs is applied. Pictures
    are numbered by the position in the dataset, which neither batches nor
    processes change. Predictions have the names and colours of the model's
    classes, whatever set it looks at: those of its checkpoint, or of the set
    it trains on. In distributed runs each hands over its share, which
    `AnomalyLocalVisualizer` writes to disk; MMSeg's keeps the master's only.

    Example::

        default_hooks = dict(
            visualization=dict(
                type='AnomalyVisualizationHook', draw=True, interval=50))

    Args:
        draw: Whether to draw; tools/test.py turns it on by ``--show`` and
            ``--show-dir``.
        interval: Validation draws every so many images of the dataset, the
            same in each validation. Testing draws all, as MMSeg does.
        show: Open windows besides writing to the backends.
        wait_time: Seconds a window stays; 0 waits for a key.
        threshold: Replaces the threshold of the `AnomalyLocalVisualizer`.

    Raises:
        ValueError: If ``interval`` is below 1.
    """

    priority = 'NORMAL'

    def __init__(self,
                 draw: bool = False,
                 interval: int = 50,
                 show: bool = False,
                 wait_time: float = 0.,
                 threshold: float | str | None = None) -> None:
        check_flags(self, draw=draw, show=show)
        check_integer('interval', interval, low=1, of=self)
        check_number('wait_time', wait_time, low=0, of=self)
        check_threshold(threshold, optional=True, of=self)
        self.draw = draw
        self.interval = interval
        self.show = show
        self.wait_time = wait_time
        self.threshold = threshold
        self._indices: dict[str, dict[str, tuple[int, BaseDataset, int]]] = {}
        self._trains = False
        self._failures: list[OSError] = []
        self._model_meta: ClassMeta | None = None

    def before_train(self, runner: Runner) -> None:
        """Note that pictures belong to iterations, and what is learned."""
        self._trains = True
        self._model_meta = runner.train_dataloader.dataset.metainfo

    def after_load_checkpoint(self, runner: Runner,
                              checkpoint: dict[str, Any]) -> None:
        """Note what the classes of the model are called."""
        meta = checkpoint.get('meta', {}).get('dataset_meta')
        self._model_meta = meta if names_classes(meta) else meta_of_config(
            runner.cfg, len((meta or {}).get('classes') or ()))

    def before_run(self, runner: Runner) -> None:
        """Hand the threshold to the visualizer.

        Raises:
            TypeError: If the visualizer draws no decisions.
        """
        if not self.draw or self.threshold is None:
            return
        if not isinstance(runner.visualizer, AnomalyLocalVisualizer):
            raise TypeError(
                '`threshold` of AnomalyVisualizationHook needs an '
                'AnomalyLocalVisualizer, the config has a '
                f'{type(runner.visualizer).__name__}')
        runner.visualizer.set_threshold(self.threshold)

    def before_test(self, runner: Runner) -> None:
        """Check that the threshold was chosen for what is tested.

        Raises:
            ValueError: If it was chosen for another checkpoint or pixel
                head.
        """
        if not self.draw or not isinstance(runner.visualizer,
                                           AnomalyLocalVisualizer):
            return
        decision = runner.visualizer.decision
        checkpoint = runner.cfg.get('load_from')
        if decision and checkpoint and Path(checkpoint).is_file():
            decision.check_checkpoint(checkpoint, attached_head(runner.cfg))

    def after_val_iter(self, runner: Runner, batch_idx: int, data_batch: dict,
                       outputs: Sequence[SegDataSample]) -> None:
        """Draw the samples of a batch whose turn it is."""
        if self.draw:
            self._draw_all(runner, 'val', runner.val_dataloader.dataset,
                           outputs, self.interval)

    def after_test_iter(self, runner: Runner, batch_idx: int,
                        data_batch: dict,
                        outputs: Sequence[SegDataSample]) -> None:
        """Draw the samples of a batch."""
        if self.draw:
            self._draw_all(runner, 'test', runner.test_dataloader.dataset,
                           outputs, 1)

    def _draw_all(self, runner: Runner, stage: str, dataset: BaseDataset,
                  outputs: Sequence[SegDataSample], interval: int) -> None:
        if stage not in self._indices:
            self._indices[stage] = index_by_path(dataset)
        # Asked outside a training, a runner builds one to answer.
        step = runner.iter if self._trains else 0
        if isinstance(runner.visualizer, AnomalyLocalVisualizer):
            runner.visualizer.model_meta = self._model_meta
        for sample in outputs:
            position, part, index = self._indices[stage][sample.img_path]
            if position % interval:
                continue
            stem = picture_name(Path(sample.img_path).stem)
            try:
                runner.visualizer.add_datasample(
                    f'{stage}_{position:05d}_{stem}',
                    load_image(part, index),
                    data_sample=sample,
                    show=self.show,
                    wait_time=self.wait_time,
                    step=step)
            except UnwrittenPictureError as error:
                self._failures.append(error)

    def after_val(self, runner: Runner) -> None:
        """Report pictures that could not be written; training goes on.

        Raises:
            OSError: After a validation on its own.
        """
        self._report_failures(runner, goes_on=self._trains)

    def after_test(self, runner: Runner) -> None:
        """Report pictures that could not be written.

        Raises:
            OSError: If there are any; the numbers are out by now.
        """
        self._report_failures(runner, goes_on=False)

    def _report_failures(self, runner: Runner, goes_on: bool) -> None:
        failures, self._failures = self._failures, []
        if not failures:
            return
        text = (f'{len(failures)} pictures are missing, the numbers are '
                f'complete: {failures[0]}')
        if not goes_on:
            raise OSError(text) from failures[0]
        runner.logger.warning(text)


def index_by_path(
        dataset: BaseDataset) -> dict[str, tuple[int, BaseDataset, int]]:
    """Map image paths to places in a dataset.

    Args:
        dataset: A dataset, or a ConcatDataset of such.

    Returns:
        Path -> position in the whole, the dataset that loads it and the
        index there. Of entries that share an image the first counts.
    """
    places: dict[str, tuple[int, BaseDataset, int]] = {}
    for position, (part, index) in enumerate(_places(dataset)):
        path = part.get_data_info(index)['img_path']
        places.setdefault(path, (position, part, index))
    return places


def _places(dataset: BaseDataset) -> Iterator[tuple[BaseDataset, int]]:
    if isinstance(dataset, ConcatDataset):
        for part in dataset.datasets:
            yield from _places(part)
    else:
        yield from ((dataset, index) for index in range(len(dataset)))


def load_image(dataset: BaseDataset, index: int) -> np.ndarray:
    """Load an image by the first transforms of a dataset's pipeline.

    Args:
        dataset: Its loading transform gives BGR, as MMCV's does.
        index: Which image.

    Returns:
        (H, W, 3) uint8 RGB in the original resolution.

    Raises:
        ValueError: If no transform of the pipeline loads an image.
    """
    results = dataset.get_data_info(index)
    for transform in dataset.pipeline.transforms:
        results = transform(results)
        if 'img' in results:
            return np.ascontiguousarray(results['img'][..., ::-1])
    raise ValueError(
        f'the pipeline of {type(dataset).__name__} loads no image: expected '
        "a transform that sets 'img', got "
        f'{[type(t).__name__ for t in dataset.pipeline.transforms]}')
