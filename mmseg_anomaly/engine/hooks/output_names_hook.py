"""Give every image of a set an output name of its own."""
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from mmengine.dataset import BaseDataset
from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ...evaluation.output_files import WritesOutputs
from ...paths import output_names
from ...safe_writing import check_outputs


@HOOKS.register_module()
class OutputNamesHook(Hook):
    """Name the files that metrics write, before the first image.

    Names are the stems of the images, and gain sub-folders where two images
    of the set share a stem. A metric that cannot be given names is refused
    for such a set, and a folder where predictions would replace images or
    labels of the set.

    Example::

        default_hooks = dict(output_names=dict(type='OutputNamesHook'))
    """

    def before_val_epoch(self, runner: Runner) -> None:
        """Name the files of the validation set; raises as for testing."""
        _name_files(runner.val_loop.evaluator, runner.val_dataloader.dataset)

    def before_test_epoch(self, runner: Runner) -> None:
        """Name the files of the test set.

        Raises:
            ValueError: If a metric of MMSeg would write two images to one
                file, or a metric would write over an image or a label.
        """
        _name_files(runner.test_loop.evaluator,
                    runner.test_dataloader.dataset)


def _name_files(evaluator: Evaluator, dataset: BaseDataset) -> None:
    ours = [metric for metric in evaluator.metrics
            if isinstance(metric, WritesOutputs) and metric.outputs]
    others = [metric for metric in evaluator.metrics
              if not isinstance(metric, WritesOutputs)
              and vars(metric).get('output_dir')]
    if not ours and not others:
        return
    samples = [dataset.get_data_info(index) for index in range(len(dataset))]
    names = output_names(sample['img_path'] for sample in samples)
    folders = [*(metric.outputs.folder for metric in ours),
               *(metric.output_dir for metric in others)]
    _keep_inputs(folders, names.values(), samples)
    for metric in ours:
        metric.outputs.set_names(names)
    nested = next((name for name in names.values() if '/' in name), None)
    if others and nested:
        raise ValueError(
            f'{type(others[0]).__name__} names its files by the stems of the '
            f'images, which several of the set share, such as {nested}; use '
            'SemanticIoUMetric, which adds their folders')


def _keep_inputs(folders: Iterable[str | Path], names: Collection[str],
                 samples: Iterable[Mapping[str, Any]]) -> None:
    """Refuse predictions, which are PNG files, in place of the set's own."""
    check_outputs(
        (Path(folder, f'{name}.png') for folder in folders for name in names),
        (sample.get(key) for sample in samples
         for key in ('img_path', 'seg_map_path')))
