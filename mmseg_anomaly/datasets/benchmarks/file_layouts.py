"""Describe where a benchmark keeps its images and labels."""
from dataclasses import dataclass
from pathlib import Path

from ..pairs import IMAGE_SUFFIXES, why_no_file


@dataclass(frozen=True)
class Split:
    """A part of a dataset.

    Args:
        length: Number of images; None where no source states it.
        folders: What replaces ``{name}`` in the folders of a layout.
        name_prefix: Beginning of the names of the frames that belong to it.
        excluded_prefixes: Beginnings of the names of those that do not.
        excluded_positions: Positions to leave out, in the sorted list of all
            frames of the folder. They count only if that list is
            ``num_listed`` long: in another they would mean other frames.
        num_listed: See ``excluded_positions``.
        void_positions: Positions among its images, if it has all, whose
            label files are known to hold void only.
        hidden_labels: Whether its labels are the organisers' secret.
        heatmap_folder: Where the SegmentMeIfYouCan code looks for its maps.
        images_without_anomaly: How many there are, None if not known.
    """

    length: int | None
    folders: tuple[tuple[str, str], ...] = ()
    name_prefix: str = ''
    excluded_prefixes: tuple[str, ...] = ()
    excluded_positions: tuple[int, ...] = ()
    num_listed: int = 0
    void_positions: tuple[int, ...] = ()
    hidden_labels: bool = False
    heatmap_folder: str | None = None
    images_without_anomaly: int | None = None

    def has_name(self, frame: str) -> bool:
        """Return whether a frame of this name may belong to the split."""
        return frame.startswith(self.name_prefix) and (
            not frame.startswith(self.excluded_prefixes))


@dataclass(frozen=True)
class Layout:
    """How files are arranged below the folder of a dataset.

    A frame's image is ``image_folder/FRAME + image_suffix`` with one of
    ``IMAGE_SUFFIXES``, its label ``label_folder/FRAME + label_suffix``.

    Args:
        image_folder: Below the data root; may hold names of a split in
            braces.
        label_folder: The same for labels.
        label_suffix: What follows the frame id in a label's name.
        image_suffix: What follows it in an image's name.
        has_scenes: Whether both folders hold a folder for each scene.
        names_are_unique: Whether names differ between scenes too.
        has_official_names: Whether frame ids are those of the release, so
            that they decide the split; otherwise all files are the split.
    """

    image_folder: str
    label_folder: str
    label_suffix: str = '.png'
    image_suffix: str = ''
    has_scenes: bool = False
    names_are_unique: bool = True
    has_official_names: bool = True

    def describe(self, split: Split) -> str:
        """Return the patterns of images and labels, for messages."""
        scene = '*/' if self.has_scenes else ''
        image_folder, label_folder = self.folders(split)
        suffixes = ','.join(suffix[1:] for suffix in IMAGE_SUFFIXES)
        return (f'{image_folder}/{scene}*{self.image_suffix}.{{{suffixes}}} '
                f'with {label_folder}/{scene}*{self.label_suffix}')

    def folders(self, split: Split) -> tuple[str, str]:
        """Return the folders of a split's images and labels."""
        names = dict(split.folders)
        return (self.image_folder.format(**names),
                self.label_folder.format(**names))


# 'Validation_Dataset' of several course projects: equal stems, plain names.
VALIDATION_LAYOUT = Layout('images', 'labels_masks', has_official_names=False)


@dataclass(frozen=True)
class Frame:
    """An image and the file that labels it, which need not exist.

    Args:
        key: Path of the image below its folder, without suffixes.
        image: Image file.
        label: Label file.
    """

    key: str
    image: Path
    label: Path

    @property
    def name(self) -> str:
        """Frame id without the scene's folder."""
        return self.key.rpartition('/')[2]


def list_files(folder: Path, suffixes: tuple[str, ...],
               has_scenes: bool = False) -> dict[str, Path]:
    """List the files of a folder by what precedes their suffix.

    Args:
        folder: May be missing, which gives nothing.
        suffixes: Ends of the names to list, upper and lower case alike.
        has_scenes: Whether to look one folder deeper, and only there.

    Returns:
        Path below ``folder`` without its suffix -> file, sorted by name.
        Hidden files, as some systems leave behind, are no images.

    Raises:
        ValueError: If files differ in their suffix only.
    """
    found = {}
    paths = folder.glob('*/*' if has_scenes else '*')
    for path in sorted(paths, key=lambda path: (path.name, path)):
        suffix = next(
            (x for x in suffixes if path.name.lower().endswith(x.lower())),
            None)
        if suffix is None or path.name.startswith('.'):
            continue
        key = path.relative_to(folder).as_posix()[:-len(suffix)]
        if key in found:
            raise ValueError(f'{found[key]} and {path} are one frame twice; '
                             'remove one of them')
        found[key] = path
    return found


def list_frames(root: Path, layout: Layout, split: Split) -> list[Frame]:
    """List the frames of a split that have an image.

    Args:
        root: The folder of the dataset.
        layout: How files are arranged.
        split: Which frames.

    Returns:
        Frames in the order of their names.
    """
    label_folder = layout.folders(split)[1]
    frames = [
        Frame(key, image, root / label_folder / (key + layout.label_suffix))
        for key, image in _list_images(root, layout, split).items()
    ]
    if not layout.has_official_names:
        return frames
    return select_frames(frames, split)


def _list_images(root: Path, layout: Layout,
                 split: Split) -> dict[str, Path]:
    return list_files(
        root / layout.folders(split)[0],
        tuple(layout.image_suffix + x for x in IMAGE_SUFFIXES),
        layout.has_scenes)


def unpaired_files(root: Path, layout: Layout, split: Split,
                   frames: list[Frame], *,
                   with_labels: bool = True) -> list[str]:
    """Find images that are no files, and labels of the split without image.

    Args:
        root: The folder of the dataset.
        layout: How files are arranged.
        split: Whose labels count.
        frames: What :func:`list_frames` returned.
        with_labels: Whether to look at labels; hidden ones never count.

    Returns:
        For each such file what is wrong with it.
    """
    problems = [why for frame in frames if (why := why_no_file(frame.image))]
    if split.hidden_labels or not with_labels:
        return problems
    folder = root / layout.folders(split)[1]
    scene = '*/' if layout.has_scenes else ''
    images = _list_images(root, layout, split)
    labels = [
        Frame(key, path, path)
        for path in sorted(folder.glob(f'{scene}*{layout.label_suffix}'))
        if (key := path.relative_to(folder).as_posix()[
            :-len(layout.label_suffix)]) not in images
        and not path.name.startswith('.')
    ]
    if layout.has_official_names:
        labels = [frame for frame in labels if split.has_name(frame.name)]
    return problems + [f'{frame.label} is a label without an image'
                       for frame in labels]


def select_frames(frames: list[Frame], split: Split) -> list[Frame]:
    """Return the frames of a folder that belong to a split.

    Args:
        frames: All of the folder, sorted by name.
        split: Which to keep.
    """
    if len(frames) == split.num_listed:
        frames = [frame for position, frame in enumerate(frames)
                  if position not in split.excluded_positions]
    return [frame for frame in frames if split.has_name(frame.name)]
