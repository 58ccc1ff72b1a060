"""Write anomaly maps as SegmentMeIfYouCan's own code reads them."""
from collections.abc import Collection, Sequence
from pathlib import Path

from mmengine.dataset import BaseDataset
from mmengine.dist import all_gather_object, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from mmseg.structures import SegDataSample

from ...checks import check_text
from ...evaluation.heatmap_files import (
    heatmap_path,
    heatmap_shape,
    write_heatmap,
)
from ...evaluation.metrics.streaming_metric import anomaly_maps
from ...paths import output_names


@HOOKS.register_module()
class HeatmapHook(Hook):
    """Write the maps of every scorer while testing, and miss none.

    Files are ``<output_dir>/anomaly_p/<method>_<scorer>/<dataset>/<frame>
    .hdf5``, float16 under the key ``value``. A dataset's ``frame_id`` and
    ``heatmap_folder`` name frame and dataset; without them the stem of the
    image and the folder of the data do. Where images of a dataset share a
    stem, frames gain their sub-folders, except in sets whose names the
    official code knows. After the last image every frame must have its
    files, of the shape of its maps.

    ``Float16AnomalyMetric`` beside it ranks the maps as they are written.

    Example::

        custom_hooks = [
            dict(type='HeatmapHook', output_dir='outputs', method='eomt_b')
        ]

    Args:
        output_dir: What the official code calls ``DIR_OUTPUTS``.
        method: First part of the name of each method.
        dataset: Name of the dataset, instead of its own.
    """

    def __init__(self, output_dir: str, method: str,
                 dataset: str | None = None) -> None:
        check_text('output_dir', output_dir, of=self)
        check_text('method', method, of=self)
        check_text('dataset', dataset, optional=True, of=self)
        self.output_dir = Path(output_dir)
        self.method = method
        self.dataset = dataset
        self._places: dict[str, tuple[str, str]] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}

    def before_test_epoch(self, runner: Runner) -> None:
        """Find out how frames are called.

        Raises:
            ValueError: If two images have one official name.
        """
        self._shapes = {}
        self._places = _name_frames(
            runner.test_dataloader.dataset, self.dataset)

    def after_test_iter(self, runner: Runner, batch_idx: int,
                        data_batch: dict,
                        outputs: Sequence[SegDataSample]) -> None:
        """Write the maps of a batch."""
        for sample in outputs:
            maps = anomaly_maps(sample.to_dict())
            for scorer, anomaly_map in maps.items():
                path = self._path(sample.img_path, scorer)
                write_heatmap(path, anomaly_map)
                self._shapes[str(path)] = anomaly_map.shape

    def _path(self, img_path: str, scorer: str) -> Path:
        method = f'{self.method}_{scorer}' if scorer else self.method
        dataset, frame = self._places[img_path]
        return heatmap_path(self.output_dir, method, dataset, frame)

    def after_test_epoch(self, runner: Runner,
                         metrics: dict[str, float] | None = None) -> None:
        """Check that nothing is missing.

        Raises:
            ValueError: If a frame has no file, or one of another shape.
        """
        shapes: dict[str, tuple[int, ...]] = {}
        for part in all_gather_object(self._shapes):
            shapes |= part
        if is_main_process():
            check_complete(self._places.values(), shapes)
            runner.logger.info(
                f'heat maps of all {len(self._places)} frames are complete '
                f'below {self.output_dir}')


def _name_frames(dataset: BaseDataset,
                 name: str | None) -> dict[str, tuple[str, str]]:
    """Return image -> (dataset, frame), each pair once."""
    root = dataset.data_root if isinstance(dataset, BaseDataset) else None
    root = Path(root or 'dataset').name
    folders: dict[str, dict[str, str]] = {}  # -> image -> wanted frame
    official = set()
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        folder = name or info.get('heatmap_folder', root)
        image = info['img_path']
        folders.setdefault(folder, {})[image] = info.get(
            'frame_id', Path(image).stem)
        if 'heatmap_folder' in info:
            official.add(folder)
    for folder in official & set(folders):
        _refuse_equal_frames(folder, folders[folder])
    return {
        image: (folder, frame) for folder, wanted in folders.items()
        for image, frame in output_names(wanted, wanted).items()
    }


def _refuse_equal_frames(folder: str, frames: dict[str, str]) -> None:
    images: dict[str, str] = {}
    for image, frame in frames.items():
        if images.setdefault(frame, image) != image:
            raise ValueError(
                f'{image} and {images[frame]} are both frame {frame!r} of '
                f'{folder!r}, whose official names leave no room for '
                'folders; remove one of them from the set')


def check_complete(places: Collection[tuple[str, str]],
                   shapes: dict[str, tuple[int, ...]]) -> None:
    """Check the files of a set.

    Args:
        places: Dataset and frame of every image.
        shapes: What each written file must hold.

    Raises:
        ValueError: If a frame has no file, a file is gone or has another
            shape.
    """
    depths = {2 + frame.count('/') for _, frame in places}
    written = {Path(path).with_suffix('').parts[-depth:]
               for path in shapes for depth in depths}
    missing = [place for place in places
               if (place[0], *place[1].split('/')) not in written]
    if missing:
        raise ValueError(
            f'{len(missing)} of {len(places)} frames have no heat map, first '
            f'{missing[0]}; run it again')
    for path, shape in shapes.items():
        found = heatmap_shape(Path(path)) if Path(path).is_file() else None
        if found != tuple(shape):
            raise ValueError(
                f'the heat map {path} must have the shape {tuple(shape)}, '
                f'found {found or "no file"}; run it again')
