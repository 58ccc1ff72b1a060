"""Image, labels, classes and heat maps of a sample in one picture."""
from collections.abc import Sequence

import mmcv
import numpy as np
from mmengine.dist import is_main_process
from mmengine.visualization import LocalVisBackend
from mmseg.registry import VISUALIZERS
from mmseg.structures import SegDataSample
from mmseg.visualization import SegLocalVisualizer

from .. import checks
from ..class_names import class_meta
from ..labels import OUTLIER_INDEX
from ..paths import write_picture
from ..pictures import three_channel_image
from . import panels
from .class_legend import ClassLegend
from .decision import Decision, Threshold, make_decision

DECISION_COLOR = (255, 255, 255)

# field of a sample, title, how it is painted
LABEL_PANELS = (('gt_sem_seg', 'ground truth', panels.paint_ground_truth),
                ('pred_sem_seg', 'classes', panels.paint_classes))


@VISUALIZERS.register_module()
class AnomalyLocalVisualizer(SegLocalVisualizer):
    """Draw image, ground truth, classes and heat map side by side.

    What a sample lacks is left out. The heat map is scaled image by image,
    between two percentiles of its scores, which the colour bar states, so
    brightness must not be compared between images. True anomalies are
    outlined in red; with a threshold, flagged pixels are outlined in white,
    on the image as well.

    In distributed runs every process writes its pictures to disk; the other
    backends are the master's, so TensorBoard shows the master's share.

    Example::

        visualizer = dict(
            type='AnomalyLocalVisualizer', name='visualizer',
            vis_backends=[dict(type='LocalVisBackend'),
                          dict(type='TensorboardVisBackend')])

    Args:
        name: Name of the instance.
        image: As in MMEngine.
        vis_backends: Configs of the places pictures go to.
        save_dir: Folder of the backends.
        classes: Class names until a loop sets those of its dataset;
            Cityscapes by default, as in MMSeg.
        palette: Colours of the classes; hues far apart where it ends.
        alpha: Opacity of class colours in [0, 1].
        max_side_px: Panels are shrunk to this; the scale is that of the
            full map.
        percentiles: Scores drawn darkest and brightest.
        colormap: 'viridis', 'inferno', 'magma' or 'turbo'.
        scorers: Names of the scorers whose maps are drawn, from left to
            right; none draws that of the first scorer of the model, or of
            the one that ``threshold`` names.
        threshold: Scores above it are flagged: a number, or the file that
            ``choose_threshold.py`` wrote for the checkpoint; None flags none.

    Raises:
        ValueError: If the colour map is unknown, the percentiles do not rise
            within [0, 100], or the threshold does not say whose scores it
            judges.
    """

    def __init__(self,
                 name: str = 'visualizer',
                 image: np.ndarray | None = None,
                 vis_backends: list[dict] | None = None,
                 save_dir: str | None = None,
                 classes: Sequence[str] | None = None,
                 palette: Sequence[Sequence[int]] | None = None,
                 alpha: float = 0.6,
                 max_side_px: int = 1024,
                 percentiles: tuple[float, float] = (1., 99.9),
                 colormap: str = 'viridis',
                 scorers: Sequence[str] = (),
                 threshold: Threshold | None = None) -> None:
        checks.check_text('save_dir', save_dir, optional=True)
        checks.check_number('alpha', alpha, low=0, high=1)
        checks.check_integer('max_side_px', max_side_px, low=1)
        checks.check_numbers('percentiles', percentiles, length=2, low=0,
                             high=100)
        checks.check_choice('colormap', colormap, panels.COLORMAPS)
        checks.check_texts('scorers', scorers)
        super().__init__(name, image, vis_backends, save_dir, alpha=alpha)
        self.set_dataset_meta(classes, palette)
        self.model_meta: dict | None = None
        if not percentiles[0] < percentiles[1]:
            raise ValueError('`percentiles` must rise within [0, 100], got '
                             f'{tuple(percentiles)}')
        self.max_side_px = max_side_px
        self.percentiles = tuple(percentiles)
        self.colormap = panels.COLORMAPS[colormap]
        self.scorers = tuple(scorers)
        self.decision: Decision | None = None
        if threshold is not None:
            self.set_threshold(threshold)

    def set_dataset_meta(self, classes: Sequence[str] | None = None,
                         palette: Sequence[Sequence[int]] | None = None,
                         dataset_name: str | None = None) -> None:
        """Set names and colours as MMSeg does; colours may be missing."""
        if classes:
            palette = class_meta(classes, palette)['palette']
        super().set_dataset_meta(classes, palette, dataset_name)

    def set_threshold(self, threshold: Threshold) -> None:
        """Draw the decision of a threshold, as ``__init__`` says."""
        self.decision = make_decision(threshold, self.scorers)

    @property
    def dataset_meta(self) -> dict:
        """Class names and palette; MMEngine gives them to one process."""
        return self._dataset_meta

    @dataset_meta.setter
    def dataset_meta(self, dataset_meta: dict) -> None:
        self._dataset_meta = dataset_meta

    def add_image(self, name: str, image: np.ndarray, step: int = 0) -> None:
        """Write a picture to the backends that are this process's.

        Args:
            name: Identifier of the picture.
            image: (H, W, 3) uint8 RGB.
            step: Step the backends file the picture under.
        """
        for backend in self._vis_backends.values():
            if is_main_process() or isinstance(backend, LocalVisBackend):
                backend.add_image(name, image, step)

    def add_datasample(self,
                       name: str,
                       image: np.ndarray,
                       data_sample: SegDataSample | None = None,
                       draw_gt: bool = True,
                       draw_pred: bool = True,
                       show: bool = False,
                       wait_time: float = 0,
                       out_file: str | None = None,
                       step: int = 0,
                       with_labels: bool = True,
                       with_image: bool = True) -> None:
        """Draw a sample; write it to a file or to the backends.

        Args:
            name: Identifier of the picture.
            image: (H, W, 3) uint8 RGB in the original resolution.
            data_sample: May hold ``gt_sem_seg``, ``pred_sem_seg`` and
                ``pred_anomaly_map``, each (1, H, W); and
                ``anomaly_map_<name>`` of every name in ``scorers``.
            draw_gt: Whether to draw the ground truth.
            draw_pred: Whether to draw classes and heat map.
            show: Open a window as well.
            wait_time: Seconds the window stays; 0 waits for a key.
            out_file: Write there instead of to the backends.
            step: Step the backends file the picture under.
            with_labels: Whether to name the colours below.
            with_image: Whether to draw the bare image as well.

        Raises:
            ValueError: If a map has not the size of the image, or the model
                did not compute a map that ``scorers`` names.
        """
        drawn = self.draw(
            three_channel_image(image), data_sample or SegDataSample(),
            draw_gt, draw_pred, with_labels, with_image)
        self.set_image(drawn)
        if out_file is not None:
            write_picture(out_file, mmcv.rgb2bgr(drawn))
        else:
            self.add_image(name, drawn, step)
        if show:
            self.show(drawn, win_name=name, wait_time=wait_time)

    def draw(self,
             image: np.ndarray,
             data_sample: SegDataSample,
             draw_gt: bool = True,
             draw_pred: bool = True,
             with_labels: bool = True,
             with_image: bool = True) -> np.ndarray:
        """Return the picture (rows, columns, 3) uint8 RGB.

        Args and errors as in :meth:`add_datasample`.
        """
        heat_kinds = self._heat_kinds(data_sample)
        kinds = ['gt_sem_seg'] * draw_gt
        if draw_pred:
            kinds += ['pred_sem_seg', *heat_kinds.values()]
        maps = {
            kind: _checked_map(data_sample, kind, image)
            for kind in kinds if kind in data_sample
        }
        labels = {
            kind: panels.shrink(maps[kind].astype(np.uint8), self.max_side_px,
                                keep_values=True)
            for kind, *_ in LABEL_PANELS if kind in maps
        }
        legend = ClassLegend(self.dataset_meta, self.model_meta, labels)
        anomalies = self._anomalies(maps, image)
        small = panels.shrink(image, self.max_side_px)
        flagged = self._flagged(maps, heat_kinds)
        pictures = [('image', _outlined(small, flagged))] * (
            with_image or not maps)
        for kind, title, paint in LABEL_PANELS:
            if kind in labels:
                painted = paint(small, labels[kind], legend.colors(kind),
                                self.alpha)
                pictures.append((title, panels.outline(painted, anomalies)))
        pictures += [
            self._heat_panel(maps[kind], anomalies, scorer, flagged)
            for scorer, kind in heat_kinds.items() if kind in maps
        ]
        drawn = panels.side_by_side(
            [panels.titled(picture, title) for title, picture in pictures])
        if not with_labels or not labels:
            return drawn
        return np.concatenate(
            [drawn, panels.legend(drawn.shape[1], legend.entries())])

    def _anomalies(self, maps: dict[str, np.ndarray],
                   image: np.ndarray) -> np.ndarray:
        """Return the shrunk mask; a part of a pixel is enough to be in it."""
        mask = np.zeros(image.shape[:2], np.float32)
        if 'gt_sem_seg' in maps:
            mask[maps['gt_sem_seg'] == OUTLIER_INDEX] = 1
        return panels.shrink(mask, self.max_side_px) > 0

    def _heat_kinds(self, data_sample: SegDataSample) -> dict[str, str]:
        """Return the scorers to draw and the fields of their maps."""
        known = data_sample.metainfo.get('anomaly_scorers', ('anomaly', ))
        scorers = self.scorers
        if not scorers and self.decision and self.decision.scorer:
            scorers = (self.decision.scorer, )
        if not scorers or 'pred_anomaly_map' not in data_sample:
            return {known[0]: 'pred_anomaly_map'}
        if unknown := set(scorers) - set(known):
            raise ValueError(
                f'the visualizer is to draw {sorted(unknown)}, the model '
                f'computes {tuple(known)}; change `visualizer.scorers` or '
                '`model.test_cfg.scorer`')
        return {scorer: f'anomaly_map_{scorer}' for scorer in scorers}

    def _flagged(self, maps: dict[str, np.ndarray],
                 heat_kinds: dict[str, str]) -> dict[str, np.ndarray]:
        """Return the shrunk decision about the scorer it judges, if any."""
        return {
            scorer: panels.shrink(
                self.decision.flagged(maps[kind]).astype(np.float32),
                self.max_side_px) > 0
            for scorer, kind in heat_kinds.items()
            if kind in maps and self.decision and self.decision.judges(scorer)
        }

    def _heat_panel(self, anomaly_map: np.ndarray, anomalies: np.ndarray,
                    scorer: str, flagged: dict[str, np.ndarray]
                    ) -> tuple[str, np.ndarray]:
        low, high = panels.robust_range(anomaly_map, self.percentiles)
        heat = panels.heat_map(
            panels.shrink(anomaly_map, self.max_side_px), low, high,
            self.colormap)
        if scorer in flagged:
            heat = panels.outline(heat, flagged[scorer], DECISION_COLOR)
        heat = panels.outline(heat, anomalies)
        bar = panels.color_bar(heat.shape[0], low, high, self.colormap)
        title = '{}, percentiles {:g} to {:g}'.format(scorer,
                                                      *self.percentiles)
        if scorer in flagged:
            title += f', white > {self.decision.threshold:.3g}'
        return title, np.concatenate([heat, bar], axis=1)


def _outlined(image: np.ndarray,
              flagged: dict[str, np.ndarray]) -> np.ndarray:
    for mask in flagged.values():
        image = panels.outline(image, mask, DECISION_COLOR)
    return image


def _checked_map(data_sample: SegDataSample, kind: str,
                 image: np.ndarray) -> np.ndarray:
    values = data_sample.get(kind).data[0].detach().cpu().numpy()
    if values.shape != image.shape[:2]:
        raise ValueError(
            f'{kind} and image must have one size, got {values.shape} and '
            f'{image.shape[:2]}; load annotations after resizing in the test '
            'pipeline, so that they stay in the original resolution')
    return values
