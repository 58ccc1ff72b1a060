"""The two public validation sets of Fishyscapes."""
import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from mmseg.registry import DATASETS

from mmseg_anomaly.checks import check_choice, check_text
from mmseg_anomaly.file_hash import sha256_of
from mmseg_anomaly.text_files import read_json

from .anomaly_dataset import AnomalyDataset
from .file_layouts import (
    IMAGE_SUFFIXES,
    VALIDATION_LAYOUT,
    Frame,
    Layout,
    Split,
    list_files,
)

# Written next to the images by tools/dataset_converters/fishyscapes_static.py.
VERSION_FILE = 'fishyscapes_static.json'
VERSIONS = ('v1', 'v2', 'v3')
_IMAGES = 'leftImg8bit'
_LABELS_ONLY = dict(
    # Frames go through the label folders: the images are LostAndFound's.
    official=Layout(_IMAGES, '', '_labels.png'),
    smiyc=Layout(_IMAGES, 'labels/val', '_fishy-labels.png'))


@DATASETS.register_module()
class FishyscapesLostAndFoundDataset(AnomalyDataset):
    """Fishyscapes Lost & Found: 100 images of LostAndFound with new labels.

    The release holds labels only; its images are found in LostAndFound by
    their frame id. One of the 100 images has no anomaly.

    .. code-block:: python

        test_dataloader = dict(dataset=dict(
            type='FishyscapesLostAndFoundDataset',
            data_root='data/fishyscapes_lostandfound',
            image_root='data/LostAndFound', pipeline=test_pipeline))

    Args:
        data_root: The labels, or a folder of images and labels.
        image_root: LostAndFound, the folder with ``leftImg8bit``; by
            default ``data_root``. Layouts with images do not look there.
        kwargs: As in ``AnomalyDataset``.

    Raises:
        FileNotFoundError: If an image is missing.
        ValueError: If an image has two labels.

    Source: Blum et al., arXiv 1904.03215; file names: bdl-benchmark,
        ``fishyscapes_tfds.py``, and road-anomaly-benchmark.
    """

    LAYOUTS = dict(**_LABELS_ONLY, validation=VALIDATION_LAYOUT)
    SPLITS = dict(validation=Split(100, images_without_anomaly=1))

    def __init__(self,
                 data_root: str,
                 pipeline: Sequence[dict] = (),
                 *,
                 image_root: str | None = None,
                 **kwargs: Any) -> None:
        check_text('image_root', image_root, optional=True, of=self)
        self.image_root = Path(data_root if image_root is None else image_root)
        super().__init__(data_root, pipeline, **kwargs)

    def list_frames(self, layout: Layout) -> list[Frame]:
        """Return the frames of the set that a layout finds."""
        if layout not in _LABELS_ONLY.values():
            return super().list_frames(layout)
        labels = list_files(
            Path(self.data_root, layout.label_folder),
            (layout.label_suffix, ))
        frame_ids = {}
        for key, label in labels.items():
            frame_id = re.sub(r'^\d{4}_', '', key)  # a count, in the release
            first = frame_ids.setdefault(frame_id, label)
            if first is not label:
                raise ValueError(f'{first} and {label} are labels of one '
                                 'image; remove one of them')
        return [Frame(frame_id, self._image_of(frame_id), label)
                for frame_id, label in sorted(frame_ids.items())]

    def unpaired_files(self, frames: list[Frame]) -> list[str]:
        """Return what is no half of a pair; labels alone name the frames."""
        return ([] if self.layout_name in _LABELS_ONLY else
                super().unpaired_files(frames))

    def frame_info(self, frame: Frame) -> dict[str, Any]:
        """Return what the pipeline starts from."""
        info = super().frame_info(frame)
        if self.layout_name in _LABELS_ONLY:
            part = frame.image.parts[-3]  # train or test of LostAndFound
            info['heatmap_folder'] = f'LostAndFound-{part}'
        return info

    def _image_of(self, frame_id: str) -> Path:
        scene = frame_id.rsplit('_', 2)[0]
        candidates = [
            self.image_root / _IMAGES / part / scene /
            f'{frame_id}_leftImg8bit{suffix}' for part in ('train', 'test')
            for suffix in IMAGE_SUFFIXES
        ]
        image = next((path for path in candidates if path.is_file()), None)
        if image is None:
            raise FileNotFoundError(
                f'the image of {frame_id} is not below '
                f'{self.image_root / _IMAGES}, in neither train nor '
                f'test/{scene}; set `image_root` to LostAndFound')
        return image


@DATASETS.register_module()
class FishyscapesStaticDataset(AnomalyDataset):
    """Fishyscapes Static: 30 images of Cityscapes with pasted objects.

    There are three versions, which differ in how objects are blended, and
    numbers differ by tens of points between them. The release stores
    differences to Cityscapes; ``fishyscapes_static.py`` adds them once and
    records version and checksums, so that a mixture is noticed. Ready made
    images carry no version: without ``version`` it stays 'unknown', with a
    warning. It is the metainfo's ``version``.

    .. code-block:: python

        test_dataloader = dict(dataset=dict(
            type='FishyscapesStaticDataset', version='v3',
            data_root='data/fishyscapes_static', pipeline=test_pipeline))

    Args:
        data_root: With ``images`` and ``labels_masks``.
        version: 'v1', 'v2' or 'v3'; None takes what the converter recorded.
        kwargs: As in ``AnomalyDataset``.

    Raises:
        ValueError: If the version is another one, or images are not those
            that were recorded.

    Source: Blum et al., arXiv 1904.03215; release notes of bdl-benchmark,
        ``fishyscapes_tfds.py``.
    """

    LAYOUTS = dict(validation=VALIDATION_LAYOUT)
    SPLITS = dict(validation=Split(30))

    def __init__(self,
                 data_root: str,
                 pipeline: Sequence[dict] = (),
                 *,
                 version: str | None = None,
                 **kwargs: Any) -> None:
        if version is not None:
            check_choice('version', version, VERSIONS)
        self._version = version
        super().__init__(data_root, pipeline, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Return the images, all of one version as far as can be known."""
        data_list = super().load_data_list()
        record_file = Path(self.data_root, VERSION_FILE)
        if record_file.is_file():
            record = read_json(
                record_file, dict, dict(version=str, sha256=dict[str, str]),
                remedy='convert the set again')
            self._check_record(record, data_list)
            version = record['version']
        else:
            version = self._version or 'unknown'
        self._metainfo['version'] = version
        print_log(
            f'Fishyscapes Static in {self.data_root} is of version {version}',
            logger='current',
            level=logging.WARNING if version == 'unknown' else logging.INFO)
        return data_list

    def layout_hint(self) -> str:
        """Return what to do with the release as downloaded."""
        root = Path(self.data_root)
        if any(root.glob('*_rgb.npz')) or any(root.glob('*/*_rgb.npz')):
            return ('this is the release, differences to Cityscapes; turn '
                    'one version into images by '
                    'tools/dataset_converters/fishyscapes_static.py')
        return super().layout_hint()

    def _check_record(self, record: dict, data_list: list[dict]) -> None:
        if self._version not in (None, record['version']):
            raise ValueError(
                f'{self.data_root} is Fishyscapes Static '
                f'{record["version"]}, got `version={self._version!r}`; '
                'correct one of the two')
        foreign = [
            info['img_path'] for info in data_list
            if sha256_of(info['img_path']) != record['sha256'].get(
                Path(info['img_path']).name)
        ]
        if foreign:
            raise ValueError(
                f'{len(foreign)} images, first {foreign[0]}, are not those '
                f'of version {record["version"]} that {VERSION_FILE} '
                'records; versions may be mixed, convert the set again')
