"""Loading of label maps that refuses what it does not understand.

Shape letters: H rows, W columns.
"""
import mmcv
import numpy as np
from mmengine import fileio
from mmseg.datasets.transforms import LoadAnnotations
from mmseg.registry import TRANSFORMS

from mmseg_anomaly.labels import KNOWN_INDEX, RESERVED_INDICES


@TRANSFORMS.register_module()
class LoadCheckedAnnotations(LoadAnnotations):
    """Load a label map and stop on an id that means nothing.

    After the dataset's own label map every pixel must hold a class id below
    ``num_classes`` or one of the reserved ids 253, 254, 255. A wrong id
    would otherwise crash a loss far away, or count as an anomaly unseen.
    Where the dataset says that its map is complete, an id outside the map
    is an error too.

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

        `mmseg.apis.inference_model` drops MMSeg's own loader only; for
        images without labels leave this one out too:

        >>> model = init_model('config.py', 'checkpoint.pth')
        >>> model.cfg.test_pipeline = [
        ...     step for step in model.cfg.test_pipeline
        ...     if step['type'] != 'LoadCheckedAnnotations']
        >>> result = inference_model(model, 'street.png')
    """

    def __init__(self,
                 num_classes: int,
                 backend_args: dict | None = None) -> None:
        super().__init__(backend_args=backend_args)
        if not 1 <= num_classes <= KNOWN_INDEX:
            raise ValueError(
                f'`num_classes` must lie in [1, {KNOWN_INDEX}], the ids above '
                f'are reserved; got {num_classes}')
        self.num_classes = num_classes

    def _load_seg_map(self, results: dict) -> None:
        if results['reduce_zero_label']:
            raise ValueError(
                '`reduce_zero_label=True` would turn the outlier id 254 into '
                'a class id; set it to False in the dataset and list the ids '
                'that change in its label map')
        if 'seg_map_path' not in results:
            raise KeyError(
                f'{results["img_path"]} comes without `seg_map_path`; leave '
                'LoadCheckedAnnotations out of the pipeline of images '
                'without labels')
        path = results['seg_map_path']
        raw_label = read_label(path, self.backend_args)
        if raw_label.shape != results.get('ori_shape', raw_label.shape):
            raise ValueError(
                f'label file {path} is {raw_label.shape} (h, w), its image '
                f'{results["img_path"]} is {results["ori_shape"]}; they must '
                'be equal')
        raw_ids = np.flatnonzero(np.bincount(raw_label.ravel()))
        label_map = results.get('label_map') or {}
        if results.get('label_map_is_complete', False):
            _check_map(raw_ids, label_map, path)
        table = self._lookup_table(label_map)
        self._check_ids(raw_ids, table, path)
        results['gt_seg_map'] = table[raw_label]
        results['seg_fields'].append('gt_seg_map')

    @staticmethod
    def _lookup_table(label_map: dict[int, int]) -> np.ndarray:
        table = np.arange(256, dtype=np.uint8)
        for old_id, new_id in label_map.items():
            table[old_id] = new_id
        return table  # (256,)

    def _check_ids(self, raw_ids: np.ndarray, table: np.ndarray,
                   path: str) -> None:
        is_known = ((table[raw_ids] < self.num_classes)
                    | np.isin(table[raw_ids], RESERVED_INDICES))
        if not is_known.all():
            raise ValueError(
                f'label file {path} holds the ids '
                f'{raw_ids[~is_known].tolist()}, which are neither one of '
                f'the {self.num_classes} classes nor reserved '
                f'{RESERVED_INDICES}; correct the file, `num_classes`, or '
                "the dataset's label map")

    def __repr__(self) -> str:
        return (f'{self.__class__.__name__}(num_classes={self.num_classes}, '
                f'backend_args={self.backend_args})')


def _check_map(raw_ids: np.ndarray, label_map: dict[int, int],
               path: str) -> None:
    unknown = [raw_id for raw_id in raw_ids.tolist()
               if raw_id not in label_map]
    if unknown:
        known = np.array2string(
            np.array(sorted(label_map)), separator=', ', threshold=9)
        raise ValueError(
            f'label file {path} holds the ids {unknown}, its dataset knows '
            f'{known} only; the file belongs to another set, encoding or '
            'layout, or was converted before')


def read_label(path: str, backend_args: dict | None = None) -> np.ndarray:
    """Read a label file as it is stored.

    Args:
        path: Of one channel of 8 bit; palette files give their indices.
        backend_args: Arguments of the file backend.

    Returns:
        (H, W) uint8.

    Raises:
        ValueError: If the file cannot be decoded or is something else.
    """
    content = fileio.get(path, backend_args=backend_args)
    try:
        label = mmcv.imfrombytes(content, flag='unchanged', backend='pillow')
    except (OSError, SyntaxError) as error:  # Pillow's, without the path
        raise ValueError(
            f'label file {path} of {len(content)} bytes cannot be decoded as '
            f'an image ({error}); write or copy it again') from error
    if label.ndim != 2 or label.dtype not in (np.uint8, bool):
        raise ValueError(
            f'label file {path} must be one channel of 8 bit ids, got shape '
            f'{label.shape} of {label.dtype}; convert colours to ids first')
    return label.astype(np.uint8)
