"""IoU on labels that also mark outliers."""
import logging
from collections.abc import Sequence

import numpy as np
import torch
from mmengine.logging import print_log
from mmseg.evaluation import IoUMetric
from mmseg.registry import METRICS
from PIL import Image
from torch import Tensor

from ...checks import check_flags, check_number, check_text
from ...labels import IGNORE_INDEX, split_outliers
from ..output_files import OutputFiles


@METRICS.register_module()
class SemanticIoUMetric(IoUMetric):
    """MMSeg's IoU over class ids only; the reserved labels count as void.

    For a set whose labels hold no class, such as the anomaly benchmarks, it
    reports nothing and logs that. Unknown arguments are an error here.

    Example::

        test_evaluator = [
            dict(type='SemanticIoUMetric', iou_metrics=['mIoU']),
            dict(type='AnomalyMetric')
        ]

    Args:
        iou_metrics: 'mIoU', 'mDice' and 'mFscore', one or several.
        output_dir: Folder for predicted class ids, ``<image stem>.png``;
            where stems are not unique ``OutputNamesHook`` adds their
            folders.
        nan_to_num, beta, format_only, collect_device, prefix: As in MMSeg.
        keep_results: What ``tools/test.py --out`` sets with
            ``output_dir``; written files are always kept.

    Raises:
        KeyError: If a metric has another name.
        ValueError: If predictions are to be written and not to be kept, or
            ``format_only`` comes without ``output_dir``.
    """

    def __init__(self,
                 iou_metrics: Sequence[str] | str = ('mIoU', ),
                 output_dir: str | None = None,
                 *,
                 nan_to_num: int | None = None,
                 beta: int = 1,
                 format_only: bool = False,
                 keep_results: bool = True,
                 collect_device: str = 'cpu',
                 prefix: str | None = None) -> None:
        check_number('nan_to_num', nan_to_num, optional=True)
        check_number('beta', beta, above=0)
        check_flags(format_only=format_only, keep_results=keep_results)
        check_text('output_dir', output_dir, optional=True)
        check_text('prefix', prefix, optional=True)
        names = [iou_metrics] if isinstance(iou_metrics, str) else iou_metrics
        unknown = set(names) - {'mIoU', 'mDice', 'mFscore'}
        if unknown:
            raise KeyError("`iou_metrics` are 'mIoU', 'mDice' and 'mFscore', "
                           f'got {sorted(unknown)}')
        if output_dir is not None and not keep_results:
            raise ValueError('predictions written to `output_dir` are never '
                             'deleted, got `keep_results=False`; leave out '
                             'one of the two')
        if format_only and output_dir is None:
            raise ValueError('`format_only=True` writes predictions and needs '
                             '`output_dir`, got None')
        super().__init__(
            ignore_index=IGNORE_INDEX,
            iou_metrics=list(names),
            nan_to_num=nan_to_num,
            beta=beta,
            collect_device=collect_device,
            format_only=format_only,
            prefix=prefix)
        self.outputs = None if output_dir is None else OutputFiles(output_dir)

    @property
    def dataset_meta(self) -> dict:
        """Metainfo of the data set; without classes they are ()."""
        meta = self._dataset_meta or {}
        return {**meta, 'classes': meta.get('classes') or ()}

    @dataset_meta.setter
    def dataset_meta(self, dataset_meta: dict) -> None:
        self._dataset_meta = dataset_meta

    def process(self, data_batch: dict | None,
                data_samples: Sequence[dict]) -> None:
        """Compare predicted and labelled classes of a batch.

        Args:
            data_batch: Not used.
            data_samples: Each with ``pred_sem_seg`` and, unless
                ``format_only``, ``gt_sem_seg`` as stored, both (1, H, W)
                under 'data'.
        """
        if self.outputs is not None:
            for data_sample in data_samples:
                self._write(data_sample)
        super().process(data_batch,
                        [_with_semantic_label(x) for x in data_samples])

    def _write(self, data_sample: dict) -> None:
        class_ids = data_sample['pred_sem_seg']['data'].squeeze(0)  # (H, W)
        Image.fromarray(class_ids.cpu().numpy().astype(np.uint8)).save(
            self.outputs.path_of(data_sample['img_path'], '.png'))

    @staticmethod
    def intersect_and_union(pred_label: Tensor, label: Tensor,
                            num_classes: int,
                            ignore_index: int) -> tuple[Tensor, ...]:
        """Return areas of intersection, union, prediction, label, (K,)."""
        if num_classes == 0:
            return (torch.zeros(0), ) * 4
        return IoUMetric.intersect_and_union(pred_label, label, num_classes,
                                             ignore_index)

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Compute the metrics; none where no pixel has a class.

        Args:
            results: Four areas (K,) of each image.

        Returns:
            ``aAcc``, ``mIoU``, ``mAcc`` and so on in percent, or nothing.
        """
        if self.format_only:
            print_log(f'class ids are in {self.outputs.folder}',
                      logger='current')
            return {}
        if not any(x[3].any() for x in results):
            print_log(
                'no pixel of the set is labelled with a class: '
                'no IoU to report',
                logger='current',
                level=logging.WARNING)
            return {}
        return super().compute_metrics(results)


def _with_semantic_label(data_sample: dict) -> dict:
    if 'gt_sem_seg' not in data_sample:
        return data_sample
    label = data_sample['gt_sem_seg']['data']
    return {**data_sample, 'gt_sem_seg': {'data': split_outliers(label)[0]}}
