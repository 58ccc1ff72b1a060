"""Outlier exposure: paste objects that no road scene knows.

Shape letters: H, W of the image.
"""
import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmseg.registry import DATASETS, TRANSFORMS

from mmseg_anomaly.datasets.outliers.cutout import (
    Cutout,
    fit_longer_side,
    resize_cutout,
)
from mmseg_anomaly.labels import OUTLIER_INDEX

from .blending import hard_blend
from .placement import uniform_placement

_MAX_TRIES = 10


@TRANSFORMS.register_module()
class OutlierPaste(BaseTransform):
    """Paste objects onto the image and label them as outliers.

    Goes after the annotations are loaded and before crops, flips and colour
    changes. A pixel is labelled if and only if it was replaced; void that no
    object covers stays void. Every random choice follows from one seed drawn
    from NumPy's global state, which MMEngine seeds in each worker.

    Required Keys:

    - img (np.uint8, (H, W, 3))
    - gt_seg_map ((H, W))

    Modified Keys:

    - img
    - gt_seg_map: ``labels.OUTLIER_INDEX`` on pasted pixels

    Added Keys:

    - outliers (list[dict]): What was pasted, in order; empty if nothing was.
      ``category``, ``box_xyxy`` in pixels of this image, ``scale``,
      ``num_pixels`` (before later objects cover it), ``origin``.

    .. code-block:: python

        dict(
            type='OutlierPaste',
            source=dict(
                type='CocoOutliers',
                data_root='data/coco',
                ann_file='annotations/instances_train2017.json',
                data_prefix=dict(img_path='train2017')))

    Args:
        source: Cut-outs, as a DATASETS config or built: ``len(source)`` and
            ``source[i] -> Cutout``.
        paste_probability: Share of the images that get objects.
        min_objects: Fewest objects an image gets, at least 1.
        max_objects: Most objects an image gets.
        min_scale: Smallest longer side of an object, as a share of the
            image's shorter side.
        max_scale: Largest longer side, at most 1, so that an object fits
            at any aspect ratio.

    Raises:
        ValueError: If a range is empty or outside its limits, or the source
            is empty.
    """

    def __init__(self,
                 source: dict | object,
                 paste_probability: float = 0.5,
                 *,
                 min_objects: int = 1,
                 max_objects: int = 3,
                 min_scale: float = 0.1,
                 max_scale: float = 0.3) -> None:
        if not 0 <= paste_probability <= 1:
            raise ValueError('`paste_probability` must be between 0 and 1, '
                             f'got {paste_probability}')
        if not 1 <= min_objects <= max_objects:
            raise ValueError(
                'expected 1 <= `min_objects` <= `max_objects`, got '
                f'{min_objects} and {max_objects}; use `paste_probability` '
                'for images without objects')
        if not 0 < min_scale <= max_scale <= 1:
            raise ValueError('expected 0 < `min_scale` <= `max_scale` <= 1, '
                             f'got {min_scale} and {max_scale}')
        self.source = (DATASETS.build(source) if isinstance(source, dict)
                       else source)
        if len(self.source) == 0:
            raise ValueError('`source` holds no object to paste; give a '
                             'source of at least one cut-out')
        self.paste_probability = paste_probability
        self.min_objects = min_objects
        self.max_objects = max_objects
        self.min_scale = min_scale
        self.max_scale = max_scale

    def transform(self, results: dict) -> dict:
        """Paste with ``paste_probability``.

        Raises:
            ValueError: If the image is not (H, W, 3) uint8, its label map is
                missing or of another size, or another label map than
                ``gt_seg_map`` was made before.
        """
        _check_results(results)
        generator = np.random.default_rng(self._draw_seed())
        results['outliers'] = []
        if generator.random() < self.paste_probability:
            results['img'], results['gt_seg_map'], results['outliers'] = (
                self.paste(results['img'], results['gt_seg_map'], generator))
        return results

    def paste(
        self, img: np.ndarray, seg_label: np.ndarray,
        generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, list[dict]]:
        """Paste objects onto copies of an image and its labels.

        Args:
            img: (H, W, 3) uint8, BGR.
            seg_label: (H, W), stored convention.
            generator: All random choices come from it.

        Returns:
            The image, the labels, and the records described as ``outliers``
            above. An object that is invisible at its size is replaced by
            another draw, at most ten times; after that it is left out.
        """
        img, seg_label, outliers = img.copy(), seg_label.copy(), []
        for _ in range(
                generator.integers(self.min_objects, self.max_objects + 1)):
            drawn = self._draw_object(img.shape[:2], generator)
            if drawn is not None:
                outliers.append(_paste_object(img, seg_label, *drawn,
                                              generator))
        return img, seg_label, outliers

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(source={self.source}, '
                f'paste_probability={self.paste_probability}, '
                f'min_objects={self.min_objects}, '
                f'max_objects={self.max_objects}, '
                f'min_scale={self.min_scale}, max_scale={self.max_scale})')

    @cache_randomness
    def _draw_seed(self) -> int:
        return int(np.random.randint(2**63 - 1, dtype=np.int64))

    def _draw_object(
            self, image_hw: tuple[int, int],
            generator: np.random.Generator) -> tuple[Cutout, float] | None:
        for _ in range(_MAX_TRIES):
            cutout = self.source[int(generator.integers(len(self.source)))]
            scale = float(generator.uniform(self.min_scale, self.max_scale))
            longer_side_px = max(1, round(scale * min(image_hw)))
            cutout = resize_cutout(
                cutout, fit_longer_side(cutout.alpha.shape, longer_side_px))
            if cutout.mask().any():
                return cutout, scale
        return None


def _paste_object(img: np.ndarray, seg_label: np.ndarray, cutout: Cutout,
                  scale: float, generator: np.random.Generator) -> dict:
    """Write one object into ``img`` and ``seg_label``; return its record."""
    mask = cutout.mask()
    height, width = mask.shape
    top, left = uniform_placement(img.shape[:2], mask.shape, generator)
    window = slice(top, top + height), slice(left, left + width)
    img[window] = hard_blend(img[window], cutout.image, mask)
    seg_label[window][mask] = OUTLIER_INDEX
    return dict(
        category=cutout.category,
        box_xyxy=[left, top, left + width, top + height],
        scale=scale,
        num_pixels=int(np.count_nonzero(mask)),
        origin=cutout.origin)


def _check_results(results: dict) -> None:
    if 'gt_seg_map' not in results:
        raise ValueError('OutlierPaste labels what it pastes and needs '
                         '`gt_seg_map`; put the loading of annotations '
                         'before it')
    others = sorted(set(results.get('seg_fields', ())) - {'gt_seg_map'})
    if others:
        raise ValueError(
            f'OutlierPaste labels `gt_seg_map` only, but {others} exist '
            'already; derive them after it, so that they see the objects')
    img, seg_label = results['img'], results['gt_seg_map']
    if img.dtype != np.uint8 or img.ndim != 3 or img.shape[2] != 3:
        raise ValueError(
            'OutlierPaste needs an (H, W, 3) uint8 image, got '
            f'{img.shape} {img.dtype}; put it before any normalisation')
    if seg_label.shape != img.shape[:2]:
        raise ValueError(
            f'image {img.shape[:2]} and labels {seg_label.shape} of '
            f'{results.get("img_path", "this sample")} differ in size; load '
            'both unresized before OutlierPaste')
