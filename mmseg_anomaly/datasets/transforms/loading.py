"""Load label maps and refuse ids that mean nothing."""
from pathlib import Path

import numpy as np
from mmseg.datasets.transforms import LoadAnnotations
from mmseg.registry import TRANSFORMS

from mmseg_anomaly.checks import check_integer
from mmseg_anomaly.labels import (
    KNOWN_INDEX,
    RESERVED_INDICES,
    refuse_reduce_zero_label,
)

from ..label_files import (
    ids_outside_map,
    ids_without_meaning,
    read_label,
    stored_ids,
)
from ..orientation import orientation_note


@TRANSFORMS.register_module()
class LoadCheckedAnnotations(LoadAnnotations):
    """Load a label map and stop on an id that means nothing.

    After the dataset's own label map every pixel must hold a class id below
    ``num_classes`` or one of the reserved ids of ``labels.py``. A wrong id
    would otherwise crash a loss far away, or count as an anomaly unseen.
    Where the dataset says that its map is complete, an id outside the map
    is an error too.

    An image that comes from no dataset, as ``mmseg.apis.inference_model``
    and ``MMSegInferencer`` hand it in, has no labels and passes unchanged.
    Datasets are recognised by ``reduce_zero_label``, which MMSeg requires of
    every one.

    Required Keys: seg_map_path, seg_fields, reduce_zero_label; optional
    label_map, label_map_is_complete (False if absent) and ori_shape (then
    the sizes must agree).

    Added Keys: gt_seg_map, (H, W) uint8. Modified Keys: seg_fields.

    Args:
        num_classes: Number of classes of the dataset, 1 to 253.
        backend_args: Arguments of the file backend.

    Raises:
        ValueError: If ``num_classes`` is out of range, the dataset asks for
            ``reduce_zero_label``, the file cannot be decoded or is not one
            channel of 8 bit, its size is not the image's, or it holds an
            unknown id.
        KeyError: If the dataset gives no label file.

    Example:
        >>> test_pipeline = [
        ...     dict(type='LoadImageFromFile'),
        ...     dict(type='ResizeToWindow', window_size=(640, 640)),
        ...     dict(type='LoadCheckedAnnotations', num_classes=19),
        ...     dict(type='PackSegInputs'),
        ... ]
    """

    def __init__(self,
                 num_classes: int,
                 backend_args: dict | None = None) -> None:
        super().__init__(backend_args=backend_args)
        # the ids above are reserved
        check_integer('num_classes', num_classes, low=1, high=KNOWN_INDEX)
        self.num_classes = num_classes

    def _load_seg_map(self, results: dict) -> None:
        if 'reduce_zero_label' not in results:  # comes from no dataset
            return
        refuse_reduce_zero_label(results['reduce_zero_label'])
        if 'seg_map_path' not in results:
            raise KeyError(
                f'{results["img_path"]} comes without `seg_map_path`; leave '
                'LoadCheckedAnnotations out of the pipeline of images '
                'without labels')
        path = results['seg_map_path']
        raw_label = read_label(path, self.backend_args)
        if raw_label.shape != results.get('ori_shape', raw_label.shape):
            image = Path(results['img_path'])
            note = orientation_note(image.read_bytes()) if (
                image.is_file()) else ''
            raise ValueError(
                f'label file {path} is {raw_label.shape} (h, w), its image '
                f'{results["img_path"]} is {results["ori_shape"]}; they must '
                f'be equal{note and "; "}{note}')
        self._check_ids(raw_label, results)
        results['gt_seg_map'] = stored_ids(results.get('label_map'))[raw_label]
        results['seg_fields'].append('gt_seg_map')

    def _check_ids(self, raw_label: np.ndarray, results: dict) -> None:
        raw_ids = np.flatnonzero(np.bincount(raw_label.ravel()))
        path = results['seg_map_path']
        if unmapped := ids_outside_map(raw_ids, results):
            mapped = np.array2string(np.array(sorted(results['label_map'])),
                                     separator=', ', threshold=9)
            raise ValueError(
                f'label file {path} holds the ids {unmapped}, its dataset '
                f'knows {mapped} only; the file belongs to another set, '
                'encoding or layout, or was converted before')
        if unknown := ids_without_meaning(raw_ids, results, self.num_classes):
            raise ValueError(
                f'label file {path} holds the ids {unknown}, which are '
                f'neither one of the {self.num_classes} classes nor reserved '
                f'{RESERVED_INDICES}; correct the file, `num_classes`, or '
                "the dataset's label map")

    def __repr__(self) -> str:
        return (f'{self.__class__.__name__}(num_classes={self.num_classes}, '
                f'backend_args={self.backend_args})')
