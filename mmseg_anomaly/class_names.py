"""Names and colours of a model's classes, wherever they travel.

MMEngine's checkpoints hold them as ``meta['dataset_meta']``, which MMSeg's
functions read: a dict of ``classes``, a tuple of names, and ``palette``, a
list of one RGB colour for each.
"""
import colorsys
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmseg.registry import DATASETS
from torch import Tensor

Color = tuple[int, int, int]
ClassMeta = dict[str, Any]

HEADS = ('decode_head.', 'decode_head.semantic_head.')
# Layer -> rows that are no class: a mask classifier has no-object as well.
CLASSIFIERS = {'class_head.weight': 1, 'class_head.prototypes': 1,
               'conv_seg.weight': 0}


def class_colors(num_classes: int,
                 palette: Sequence[Sequence[int]] | None) -> list[Color]:
    """Return one colour per class: the palette's, then hues far apart."""
    colors = [tuple(int(v) for v in color)
              for color in ([] if palette is None else palette)]
    for index in range(len(colors), num_classes):
        rgb = colorsys.hsv_to_rgb(index * 0.618 % 1, 0.65, 0.9)
        colors.append(tuple(round(255 * v) for v in rgb))
    return colors


def class_meta(classes: Sequence[str],
               palette: Sequence[Sequence[int]] | None = None) -> ClassMeta:
    """Return names with a colour for each, the palette's where it has one."""
    classes = tuple(classes)
    colors = class_colors(len(classes), palette)[:len(classes)]
    return dict(classes=classes, palette=[list(color) for color in colors])


def numbered_classes(num_classes: int) -> ClassMeta:
    """Return 'class 0' and so on, for a model whose file names none."""
    return class_meta([f'class {index}' for index in range(num_classes)])


def names_classes(meta: Mapping[str, Any] | None) -> bool:
    """Whether somebody named the classes, rather than numbering them.

    Hugging Face numbers its labels ``LABEL_0`` and so on.
    """
    classes = tuple((meta or {}).get('classes') or ())
    numbers = range(len(classes))
    return classes not in ((), tuple(f'class {index}' for index in numbers),
                           tuple(f'LABEL_{index}' for index in numbers))


def meta_of_dataset(name: str) -> ClassMeta | None:
    """Return names and colours of a data set, None if none has that name.

    Args:
        name: A class such as ``CityscapesDataset``.
    """
    known = name.isidentifier() and name in DATASETS
    meta = DATASETS.get(name).METAINFO if known else {}
    return class_meta(meta['classes'], meta.get('palette')) if meta else None


def num_classes_of(state_dict: Mapping[str, Tensor]) -> int | None:
    """Return the number of classes of a segmentor, None if none is seen.

    Args:
        state_dict: Values by name, of an EoMT, of a model with a pixel head
            or of one with a decode head of MMSeg.
    """
    for head in HEADS:
        for name, others in CLASSIFIERS.items():
            if head + name in state_dict:
                return len(state_dict[head + name]) - others
    return None


def read_meta(stored: Any, source: str) -> ClassMeta | None:
    """Read names and colours that a file holds.

    Args:
        stored: ``dataset_meta`` of a checkpoint, or metadata of a
            ``.safetensors`` file, where both are JSON; other keys are left
            out.
        source: What to call it in an error.

    Returns:
        The names with a colour for each; None if it holds no names.

    Raises:
        ValueError: If it holds something else in their place.
    """
    if stored is None:
        return None
    try:
        classes, palette = (
            json.loads(value) if isinstance(value, str) else value
            for value in (stored.get('classes'), stored.get('palette')))
        if classes is None or len(classes) == 0:
            return None
        if not all(isinstance(name, str) for name in classes):
            raise TypeError('a name is no text')
        meta = class_meta(classes, palette)
        if not all(len(color) == 3 and min(color) >= 0 and max(color) < 256
                   for color in meta['palette']):
            raise ValueError('a colour is not three numbers below 256')
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(
            f'{source} must name its classes by a list of texts `classes` '
            'and a list of RGB colours `palette`, got something else '
            f'({error}); write the file again') from error
    return meta


def pack_meta(meta: ClassMeta | None) -> dict[str, str]:
    """Turn names and colours into metadata of a ``.safetensors`` file."""
    return {key: json.dumps(meta[key]) for key in ('classes', 'palette')
            } if meta else {}


def meta_of_config(cfg: Mapping[str, Any] | None,
                   num_classes: int) -> ClassMeta | None:
    """Return names and colours that the datasets of a config have.

    Args:
        cfg: A whole config, or None.
        num_classes: Datasets of another number are not of the model.

    Returns:
        Those of the first dataset that fits, of training, then validation,
        then test; None if none does.
    """
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        loader_cfg = (cfg or {}).get(loader) or {}
        for dataset in plain_datasets(loader_cfg.get('dataset')):
            kind = DATASETS.get(dataset['type'])
            own = {} if kind is None else kind.METAINFO
            meta = {**own, **(dataset.get('metainfo') or {})}
            if 0 < len(meta.get('classes') or ()) == num_classes:
                return class_meta(meta['classes'], meta.get('palette'))
    return None


def plain_datasets(cfg: Mapping[str, Any] | None
                    ) -> Iterator[Mapping[str, Any]]:
    """Yield the datasets that wrappers of MMEngine hold."""
    if not cfg:
        return
    if 'dataset' in cfg:
        yield from plain_datasets(cfg['dataset'])
    elif 'datasets' in cfg:
        for part in cfg['datasets']:
            yield from plain_datasets(part)
    else:
        yield cfg
