"""Base class of the benchmarks: layouts, label maps, lengths."""
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from mmengine.logging import print_log
from mmseg.datasets import BaseSegDataset

from mmseg_anomaly.checks import check_choice, check_flags, check_text
from mmseg_anomaly.labels import (
    IGNORE_INDEX,
    KNOWN_INDEX,
    OUTLIER_INDEX,
    refuse_reduce_zero_label,
)

from ..image_check import check_image, without_broken
from ..pairs import name_some
from .file_layouts import (
    Frame,
    Layout,
    Split,
    list_frames,
    unpaired_files,
)

_BASE_ARGUMENTS = {'indices', 'test_mode', 'lazy_init', 'serialize_data'}


class AnomalyDataset(BaseSegDataset):
    """Images whose labels separate anomalies from everything else.

    A subclass declares its layouts, its splits and what the numbers of its
    label files mean. Nothing is inferred from the names of folders. The
    layout is detected: the one whose images have label files. The label map
    always comes from the class. After the map labels hold 253
    (in-distribution), 254 (anomaly) and 255 (void), so a model of any
    classes can be tested on it; an IoU cannot be reported.
    Class names and colours of the model, for pictures, may be given by
    ``metainfo``.

    The metainfo also holds ``layout``, ``split``, and ``partial``: why
    numbers are not those of the whole set, '' if they are.
    ``get_data_info`` gives ``frame_id``, and ``heatmap_folder`` where the
    SegmentMeIfYouCan code knows the set.

    .. code-block:: python

        test_dataloader = dict(dataset=dict(
            type='RoadAnomalyDataset', data_root='data/RoadAnomaly',
            pipeline=test_pipeline))

    Args:
        data_root: The folder of this set.
        pipeline: Transforms; labels by ``LoadCheckedAnnotations``.
        split: A key of ``SPLITS``, by default the first.
        layout: A key of ``LAYOUTS``; by default found by looking.
        with_labels: False for splits whose labels are hidden, to write heat
            maps for them.
        allow_partial: Warn instead of raising if images are missing, or
            labels have no image.
        allow_unlabelled: Keep images whose label file is missing, to list
            them; loading such a label still raises.
        skip_broken: Look at all files at the start and leave out those that
            are broken, with a warning. By default the first broken file
            that is reached stops the run.
        metainfo: Classes and palette of the model.
        reduce_zero_label: Must stay False.
        kwargs: ``indices``, ``test_mode``, ``lazy_init`` or
            ``serialize_data`` of ``BaseSegDataset``.

    Raises:
        TypeError: If another argument is given; a layout says where files
            are.
        FileNotFoundError: If no layout fits or a label is missing.
        ValueError: If an argument is none of its choices, the number of
            images is not the expected one, several layouts fit, hidden
            labels are asked for, or ``reduce_zero_label`` is set.
    """

    labels_anomalies = True
    METAINFO: ClassVar[dict] = dict(classes=(), palette=[])
    LAYOUTS: ClassVar[dict[str, Layout]] = {}
    SPLITS: ClassVar[dict[str, Split]] = {}
    RAW_LABEL_MAP: ClassVar[dict[int, int]] = {
        0: KNOWN_INDEX,
        1: OUTLIER_INDEX,
        255: IGNORE_INDEX
    }

    def __init__(self,
                 data_root: str,
                 pipeline: Sequence[dict] = (),
                 *,
                 split: str | None = None,
                 layout: str | None = None,
                 with_labels: bool = True,
                 allow_partial: bool = False,
                 allow_unlabelled: bool = False,
                 skip_broken: bool = False,
                 metainfo: dict[str, Any] | None = None,
                 reduce_zero_label: bool = False,
                 **kwargs: Any) -> None:
        check_text('data_root', data_root, of=self)
        check_flags(self, with_labels=with_labels, allow_partial=allow_partial,
                    allow_unlabelled=allow_unlabelled,
                    skip_broken=skip_broken)
        refuse_reduce_zero_label(reduce_zero_label)
        if unknown := set(kwargs) - _BASE_ARGUMENTS:
            raise TypeError(
                f'{type(self).__name__} takes no {sorted(unknown)}; its '
                'layouts say where the files are')
        if layout is not None:
            check_choice('layout', layout, self.LAYOUTS)
        self.layout_name = layout
        self.with_labels = with_labels
        self.allow_partial = allow_partial
        self.allow_unlabelled = allow_unlabelled
        self.skip_broken = skip_broken
        self._choose_split(split)
        super().__init__(
            data_root=data_root, pipeline=list(pipeline), metainfo=metainfo,
            data_prefix=dict(img_path='', seg_map_path=''), **kwargs)

    @property
    def raw_label_map(self) -> dict[int, int]:
        """Every id that label files may hold -> stored id."""
        return self.RAW_LABEL_MAP

    @classmethod
    def get_label_map(cls,
                      new_classes: Sequence[str] | None = None) -> None:
        """Return None: class names describe the model, not the labels."""
        return

    def load_data_list(self) -> list[dict]:
        """Return the images of the split, in the order of their names."""
        self.layout_name, frames = self._find_frames()
        reasons = [self._check_pairs(frames)]
        frames = [frame for frame in frames if frame.image.is_file()]
        reasons.append(self._check_length(frames))
        if self.with_labels and not self.allow_unlabelled:
            _check_labels_exist(frames)
        data_list = [self.frame_info(frame) for frame in frames]
        if self.skip_broken:
            data_list, reason = without_broken(data_list)
            reasons.append(reason)
        if self._indices is not None:
            reasons.append(f'`indices={self._indices}` takes a part of them')
        self._report(len(data_list), '; '.join(filter(None, reasons)))
        return data_list

    def frame_info(self, frame: Frame) -> dict[str, Any]:
        """Return what the pipeline starts from."""
        layout = self.LAYOUTS[self.layout_name]
        info = dict(
            img_path=str(frame.image),
            frame_id=(frame.name if layout.names_are_unique else
                      frame.key.replace('/', '_')),
            label_map=self.raw_label_map,
            label_map_is_complete=True,
            reduce_zero_label=False,
            seg_fields=[])
        if self.with_labels:
            info['seg_map_path'] = str(frame.label)
        if layout.has_official_names and self.split.heatmap_folder:
            info['heatmap_folder'] = self.split.heatmap_folder
        return info

    def prepare_data(self, idx: int) -> dict:
        """Run the pipeline on an image that is not broken.

        Raises:
            ValueError: If the image file is broken.
        """
        path = self.get_data_info(idx)['img_path']
        try:
            check_image(path)
        except ValueError as error:
            raise ValueError(
                f'{error}, or set `skip_broken=True` of the dataset to go on '
                'without it') from error
        return super().prepare_data(idx)

    def list_frames(self, layout: Layout) -> list[Frame]:
        """Return the frames of the split that a layout finds."""
        return list_frames(Path(self.data_root), layout, self.split)

    def unpaired_files(self, frames: list[Frame]) -> list[str]:
        """Return what is wrong with each file that is no half of a pair."""
        return unpaired_files(
            Path(self.data_root), self.LAYOUTS[self.layout_name], self.split,
            frames, with_labels=self.with_labels)

    def layout_hint(self) -> str:
        """Return what else a user should know when no layout fits."""
        return 'check `data_root`'

    def _choose_split(self, name: str | None) -> None:
        name = next(iter(self.SPLITS)) if name is None else name
        check_choice('split', name, self.SPLITS)
        self.split_name, self.split = name, self.SPLITS[name]
        if self.split.hidden_labels and self.with_labels:
            raise ValueError(
                f'the labels of split {name!r} are hidden, files in their '
                'place are dummies; set `with_labels=False` to write heat '
                'maps for the organisers, or take another split')

    def _find_frames(self) -> tuple[str, list[Frame]]:
        hidden = self.split.hidden_labels
        names = [
            # Plain names do not show which images are of a hidden split.
            name for name, layout in self.LAYOUTS.items()
            if self.layout_name in (None, name)
            and (layout.has_official_names or not hidden)
        ]
        found = {name: self.list_frames(self.LAYOUTS[name]) for name in names}
        fitting = [
            name for name, frames in found.items()
            if any(hidden or frame.label.is_file() for frame in frames)
        ]
        if len(fitting) == 1:
            return fitting[0], found[fitting[0]]
        if fitting:
            raise ValueError(
                f'{self.data_root} fits the layouts {fitting} of '
                f'{type(self).__name__}; choose one by `layout`')
        looked_for = '; '.join(
            f'{self.LAYOUTS[name].describe(self.split)} ({name})'
            for name in names)
        raise FileNotFoundError(
            f'{type(self).__name__} finds no labelled image of split '
            f'{self.split_name!r} in {self.data_root}, looked for '
            f'{looked_for}; {self.layout_hint()}')

    def _check_pairs(self, frames: list[Frame]) -> str:
        problems = self.unpaired_files(frames)
        return self._allowed(f'{len(problems)} files are no pairs: '
                             f'{name_some(problems)}') if problems else ''

    def _check_length(self, frames: list[Frame]) -> str:
        expected = self.split.length
        if expected is None or len(frames) == expected:
            return ''
        return self._allowed(f'split {self.split_name!r} has {expected} '
                             f'images, found {len(frames)}')

    def _allowed(self, difference: str) -> str:
        if not self.allow_partial:
            raise ValueError(
                f'{type(self).__name__} in {self.data_root}: {difference}; '
                'complete the folder or remove what is not of the set, or '
                'set `allow_partial=True` for numbers of a part '
                '(--cfg-options '
                'test_dataloader.dataset.allow_partial=True)')
        return difference

    def _report(self, num_images: int, partial: str) -> None:
        self._metainfo.update(
            split=self.split_name, layout=self.layout_name, partial=partial)
        print_log(
            f'{type(self).__name__}: {num_images} images of split '
            f'{self.split_name!r} in layout {self.layout_name!r} of '
            f'{self.data_root}', logger='current')
        if partial:
            print_log(
                f'{type(self).__name__} is PARTIAL, its numbers are not '
                f'comparable: {partial}', logger='current',
                level=logging.WARNING)


def _check_labels_exist(frames: list[Frame]) -> None:
    missing = [frame for frame in frames if not frame.label.is_file()]
    if missing:
        raise FileNotFoundError(
            f'{len(missing)} of {len(frames)} images have no label, first '
            f'{missing[0].image}, which needs {missing[0].label}; copy the '
            'whole set again')
