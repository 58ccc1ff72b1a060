"""List the benchmarks and find them below a folder of data."""
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from .static_anomaly import MANIFEST_NAME


@dataclass(frozen=True)
class Benchmark:
    """What tools need to know of a benchmark besides its dataset class.

    Args:
        type: Registered name of the dataset.
        title: Name printed in tables.
        folders: Names its folder may have, in the official release, in the
            widely used 'Validation_Dataset', or after a converter.
        smiyc_name: Name of the set in the SegmentMeIfYouCan code, if it has
            one.
        smiyc_folder: Where that code looks for its heat maps, below
            ``anomaly_p/METHOD``. Sets that are a part of another share its
            folder; an image's own ``heatmap_folder`` has priority.
        track: Whose component sizes apply.
        settings: Arguments of the dataset that the number in papers needs.
    """

    type: str
    title: str
    folders: tuple[str, ...]
    smiyc_name: str | None = None
    smiyc_folder: str | None = None
    track: Literal['anomaly', 'obstacle'] = 'anomaly'
    settings: dict[str, Any] = field(default_factory=dict)


BENCHMARKS = MappingProxyType(dict(
    road_anomaly=Benchmark(
        'RoadAnomalyDataset', 'RoadAnomaly',
        ('RoadAnomaly', 'RoadAnomaly_jpg', 'road_anomaly')),
    road_anomaly21=Benchmark(
        'RoadAnomaly21Dataset', 'RoadAnomaly21 val',
        ('RoadAnomaly21', 'dataset_AnomalyTrack', 'road_anomaly21'),
        'AnomalyTrack-validation', 'AnomalyTrack-all'),
    road_obstacle21=Benchmark(
        'RoadObstacle21Dataset', 'RoadObstacle21 val',
        # the second is how 'Validation_Dataset' spells it
        ('RoadObstacle21', 'RoadObsticle21', 'dataset_ObstacleTrack',
         'road_obstacle21'),
        'ObstacleTrack-validation', 'ObstacleTrack-all', 'obstacle'),
    fishyscapes_lost_and_found=Benchmark(
        'FishyscapesLostAndFoundDataset', 'Fishyscapes L&F val',
        ('FS_LostFound_full', 'fishyscapes_lostandfound',
         'dataset_FishyLAF', 'fishyscapes_lost_and_found'),
        'FishyLAFAnomaly-val'),
    fishyscapes_static=Benchmark(
        'FishyscapesStaticDataset', 'Fishyscapes Static val',
        ('fs_static', 'fishyscapes_static')),
    lost_and_found=Benchmark(
        'LostAndFoundDataset', 'LostAndFound test-NoKnown',
        ('LostAndFound', 'dataset_LostAndFound', 'lost_and_found'),
        'LostAndFound-testNoKnown', 'LostAndFound-test', 'obstacle',
        dict(split='test_no_known')),
    street_hazards=Benchmark(
        'StreetHazardsDataset', 'StreetHazards test',
        ('StreetHazards', 'streethazards', 'street_hazards'),
        settings=dict(split='test', anomaly_only=True)),
))


def get_benchmark(name: str) -> Benchmark:
    """Return a benchmark, or what stands for a folder of our own.

    Args:
        name: A key of ``BENCHMARKS``, or the name of a folder that
            ``make_static_benchmark.py`` wrote, which is its title too.
    """
    own = Benchmark('StaticAnomalyDataset', name, (name, ))
    return BENCHMARKS.get(name, own)


def find_benchmarks(
        data_root: str,
        names: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
    """Look for benchmark folders directly below a folder.

    A folder's whole name counts, never a part of it, and it decides only
    which dataset reads the folder, never what its labels mean.

    Args:
        data_root: The folder of datasets.
        names: Keys of ``BENCHMARKS`` or names of folders with a manifest;
            None takes whatever is there.

    Returns:
        Name -> dataset config without a pipeline, in the order of
        ``BENCHMARKS`` (of ``names`` where given), then own sets by name.

    Raises:
        FileNotFoundError: If ``data_root`` is no folder, a requested set is
            missing, or none is found.
        ValueError: If one set lies in two folders.
    """
    root = Path(data_root)
    if not root.is_dir():
        raise FileNotFoundError(f'there is no folder {root}; `data_root` '
                                'must hold the folders of the benchmarks')
    own_sets = sorted(path.parent.name for path in root.glob(
        f'*/{MANIFEST_NAME}'))
    wanted = [*BENCHMARKS, *own_sets] if names is None else names
    found = {}
    for name in wanted:
        folder = _find_folder(root, get_benchmark(name))
        if folder is not None:
            found[name] = _dataset_config(name, folder, root)
        elif names is not None:
            raise FileNotFoundError(_missing(name, root, own_sets))
    if not found:
        raise FileNotFoundError(
            f'{root} holds no benchmark, none of the folders '
            f'{[x for b in BENCHMARKS.values() for x in b.folders]} and no '
            f'folder with a {MANIFEST_NAME}; check `data_root`')
    return found


def _find_folder(root: Path, benchmark: Benchmark) -> Path | None:
    # Not `is_dir` on guesses: some file systems ignore upper and lower case.
    present = {path.name for path in root.iterdir() if path.is_dir()}
    folders = [root / name for name in benchmark.folders if name in present]
    if benchmark.type == 'StaticAnomalyDataset':
        folders = [x for x in folders if (x / MANIFEST_NAME).is_file()]
    if len(folders) > 1:
        raise ValueError(
            f'{benchmark.title} is in several folders, '
            f'{[str(folder) for folder in folders]}; keep one below the '
            'data root')
    return folders[0] if folders else None


def _dataset_config(name: str, folder: Path, root: Path) -> dict[str, Any]:
    benchmark = get_benchmark(name)
    config = dict(
        type=benchmark.type, data_root=str(folder), **benchmark.settings)
    if name == 'fishyscapes_lost_and_found':
        images = _find_folder(root, BENCHMARKS['lost_and_found'])
        if images is not None:
            config['image_root'] = str(images)
    return config


def _missing(name: str, root: Path, own_sets: list[str]) -> str:
    if name in BENCHMARKS:
        return (f'{root} has no folder for `{name}`, looked for '
                f'{list(BENCHMARKS[name].folders)}; rename or link the '
                'folder of the set')
    return (f'`{name}` is neither one of {list(BENCHMARKS)} nor a folder of '
            f'{root} with a {MANIFEST_NAME}, which are {own_sets}')
