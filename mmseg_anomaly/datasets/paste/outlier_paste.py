"""Paste unknown objects onto training images (outlier exposure).

Shape letters: H, W of the image.
"""
import logging
from typing import NamedTuple

import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmengine.logging import print_log
from mmseg.registry import DATASETS, TASK_UTILS, TRANSFORMS

from mmseg_anomaly.checks import (
    check_integer,
    check_number,
    check_order,
    check_part,
)
from mmseg_anomaly.labels import OUTLIER_INDEX

from ..outliers import BrokenImageError, Cutout, OutlierSource
from ..outliers.source import sample_number
from .blending import OutlierBlending
from .placement import Placed, Placement, UniformPlacement

_MAX_TRIES = 10
_MAX_FAILURES = 100  # images, or broken objects, before the first success


class PasteResult(NamedTuple):
    """An image after pasting; see ``OutlierPaste``."""

    img: np.ndarray  # (H, W, 3) uint8
    seg_label: np.ndarray  # (H, W)
    outliers: list[dict]
    num_skipped: int


@TRANSFORMS.register_module()
class OutlierPaste(BaseTransform):
    """Paste objects onto the image and label them as outliers.

    Goes after the annotations are loaded and before crops, flips and colour
    changes. A pixel is labelled if and only if it belongs to an object, which
    is where the object's alpha is at least one half, whatever the blending;
    void that no object covers stays void. Every random choice follows from
    one seed taken from NumPy's global state, which ``SeedSample`` sets for
    every sample, and MMEngine otherwise once for every worker.

    An object that is invisible at its size, fits nowhere or cannot be read
    is replaced by another one, at most ten times; after that it is skipped
    and counted. A file that cannot be read is named in a warning, once; if
    the first hundred are broken the training stops. A warning says so if the
    first hundred images for objects got none.

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
    - outliers_skipped (int): Objects for which no place was found.

    .. code-block:: python

        dict(
            type='OutlierPaste',
            source=dict(
                type='CocoOutliers',
                data_root='data/coco',
                ann_file='annotations/instances_train2017.json',
                data_prefix=dict(img_path='train2017')),
            placement=dict(type='RoadPlacement', road_classes=[0, 1],
                           perspective=True),
            blending=dict(type='OutlierBlending', mode='feather'))

    Args:
        source: Cut-outs, as a DATASETS config or any ``OutlierSource``.
        paste_probability: Share of the images that get objects.
        min_objects: Fewest objects an image gets, at least 1.
        max_objects: Most objects an image gets.
        min_scale: Smallest longer side of an object, as a share of the
            image's shorter side.
        max_scale: Largest longer side, at most 1, so that an object fits
            at any aspect ratio.
        placement: Where objects go, as a TASK_UTILS config or any
            ``Placement``; anywhere unless given.
        blending: How they are blended, as a TASK_UTILS config or built; hard
            unless given.

    Raises:
        ValueError: If a range is empty or outside its limits, or the source
            is empty.
    """

    def __init__(self,
                 source: dict | OutlierSource,
                 paste_probability: float = 0.5,
                 *,
                 min_objects: int = 1,
                 max_objects: int = 3,
                 min_scale: float = 0.1,
                 max_scale: float = 0.3,
                 placement: dict | Placement | None = None,
                 blending: dict | OutlierBlending | None = None) -> None:
        check_number('paste_probability', paste_probability, low=0, high=1)
        check_integer('min_objects', min_objects, low=1)
        check_integer('max_objects', max_objects, low=1)
        check_order('min_objects', min_objects, 'max_objects', max_objects)
        for name, scale in (('min_scale', min_scale),
                            ('max_scale', max_scale)):
            check_number(name, scale, above=0, high=1)
        check_order('min_scale', min_scale, 'max_scale', max_scale)
        check_part('source', source, OutlierSource)
        check_part('placement', placement, Placement, optional=True)
        check_part('blending', blending, OutlierBlending, optional=True)
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
        self.placement = _build(placement, UniformPlacement)
        self.blending = _build(blending, OutlierBlending)
        self._broken: set[int] = set()
        self._has_read = self._has_pasted = False
        self._num_images = 0

    @property
    def labels_anomalies(self) -> bool:
        """Whether it ever pastes, see ``labels.AnomalyLabeller``."""
        return self.paste_probability > 0

    def transform(self, results: dict) -> dict:
        """Paste with ``paste_probability``.

        Raises:
            ValueError: If the image is not (H, W, 3) uint8, its label map is
                missing or of another size, or another label map than
                ``gt_seg_map`` was made before.
        """
        _check_results(results)
        generator = np.random.default_rng(self._sample_seed())
        results['outliers'], results['outliers_skipped'] = [], 0
        if generator.random() < self.paste_probability:
            (results['img'], results['gt_seg_map'], results['outliers'],
             results['outliers_skipped']) = self.paste(
                 results['img'], results['gt_seg_map'], generator)
            self._warn_of_nothing(bool(results['outliers']))
        return results

    def paste(self, img: np.ndarray, seg_label: np.ndarray,
              generator: np.random.Generator) -> PasteResult:
        """Paste objects onto copies of an image and its labels.

        Args:
            img: (H, W, 3) uint8, BGR.
            seg_label: (H, W) uint8, stored convention.
            generator: All random choices come from it.

        Raises:
            ValueError: If no object of the source can be read.
        """
        scene = self.placement.scene(seg_label)
        img, seg_label, outliers = img.copy(), seg_label.copy(), []
        num_objects = int(
            generator.integers(self.min_objects, self.max_objects + 1))
        for _ in range(num_objects if scene.has_place else 0):
            placed = self._sample_placed(scene, generator)
            if placed is not None:
                self.blending.draw(img, *placed, generator)
                mask = placed.cutout.mask()
                seg_label[placed.window()][mask] = OUTLIER_INDEX
                outliers.append(_record(placed, img.shape[:2]))
        return PasteResult(img, seg_label, outliers,
                           num_objects - len(outliers))

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(source={self.source}, '
                f'paste_probability={self.paste_probability}, '
                f'min_objects={self.min_objects}, '
                f'max_objects={self.max_objects}, '
                f'min_scale={self.min_scale}, max_scale={self.max_scale}, '
                f'placement={self.placement}, blending={self.blending})')

    @cache_randomness
    def _sample_seed(self) -> int:
        return int(np.random.randint(2**63 - 1, dtype=np.int64))

    def _sample_placed(self, scene: object,
                     generator: np.random.Generator) -> Placed | None:
        for _ in range(_MAX_TRIES):
            cutout = self._read(sample_number(self.source, generator))
            scale = float(generator.uniform(self.min_scale, self.max_scale))
            if cutout is None:
                continue
            placed = self.placement.place(cutout, scale, scene, generator)
            if placed is not None:
                return placed
        return None

    def _read(self, number: int) -> Cutout | None:
        """Read an object; None, after a warning, if it is broken.

        Which objects were broken before has no influence on what is sampled,
        so that workers that have seen different images stay alike.
        """
        try:
            cutout = self.source[number]
            self._has_read = True
            return cutout
        except BrokenImageError as error:
            if number not in self._broken:
                self._broken.add(number)
                print_log(f'OutlierPaste goes on without object {number}: '
                          f'{error}', logger='current',
                          level=logging.WARNING)
            num_broken = len(self._broken)
            if num_broken == len(self.source) or (
                    num_broken == _MAX_FAILURES and not self._has_read):
                raise ValueError(
                    f'none of {num_broken} objects of {self.source} can be '
                    f'read; the last one: {error}') from error
            return None

    def _warn_of_nothing(self, has_pasted: bool) -> None:
        """Warn once if no image of the first hundred got any object."""
        self._has_pasted |= has_pasted
        self._num_images += 1
        if self._num_images == _MAX_FAILURES and not self._has_pasted:
            print_log(
                f'OutlierPaste pasted no object in {_MAX_FAILURES} images and '
                f'goes on without; check the classes and limits of '
                f'{self.placement}', logger='current',
                level=logging.WARNING)


def _build(component: dict | object | None, default: type) -> object:
    if component is None:
        return default()
    return (TASK_UTILS.build(component)
            if isinstance(component, dict) else component)


def _record(placed: Placed, image_hw: tuple[int, int]) -> dict:
    height, width = placed.cutout.alpha.shape
    return dict(
        category=placed.cutout.category,
        box_xyxy=[placed.left, placed.top, placed.left + width,
                  placed.top + height],
        scale=max(height, width) / min(image_hw),
        num_pixels=int(np.count_nonzero(placed.cutout.mask())),
        origin=placed.cutout.origin)


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
