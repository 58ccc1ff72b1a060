"""Validation sets made by ``make_static_benchmark.py``."""
import logging
import posixpath
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from mmseg_anomaly.checks import check_flags, check_text
from mmseg_anomaly.labels import refuse_reduce_zero_label
from mmseg_anomaly.paths import inside
from mmseg_anomaly.text_files import check_keys, read_json

from ..image_check import check_image, without_broken
from ..pairs import name_some, why_no_file

MANIFEST_NAME = 'manifest.json'
_REMEDY = 'copy it again or make the set again'


@DATASETS.register_module()
class StaticAnomalyDataset(BaseSegDataset):
    """Scenes with pasted objects, as written to disk once.

    Layout: ``images/*.png``, ``annotations/*.png`` in the stored label
    convention, and ``manifest.json`` with the classes, the palette and the
    provenance of every object. The manifest says which images belong to the
    set, so that an incomplete copy is noticed.

    .. code-block:: python

        val_dataloader = dict(
            dataset=dict(
                type='StaticAnomalyDataset',
                data_root='data/camvid_static',
                pipeline=test_pipeline))

    Args:
        data_root: The folder the tool wrote.
        skip_broken: Look at all files at the start and leave out those that
            are broken, with a warning; the metainfo's ``partial`` names
            them. By default the first broken image stops the run.
        allow_partial: Leave out pairs of which a file is missing, with a
            warning; ``partial`` names them, too.
        allow_outside: Accept a manifest that names files outside of
            ``data_root``.
        metainfo: Classes, if given, must be those of the manifest.
        reduce_zero_label: Must stay False.
        kwargs: Other arguments of ``BaseSegDataset``.

    Raises:
        FileNotFoundError: If the manifest or a file it lists is missing.
        ValueError: If ``reduce_zero_label`` is set, classes differ, the
            manifest is damaged, lists no image, one twice or one outside,
            or all of them are broken.
    """

    labels_anomalies = True

    def __init__(self,
                 data_root: str,
                 *,
                 skip_broken: bool = False,
                 allow_partial: bool = False,
                 allow_outside: bool = False,
                 metainfo: dict[str, Any] | None = None,
                 reduce_zero_label: bool = False,
                 **kwargs: Any) -> None:
        check_text('data_root', data_root, of=self)
        check_flags(self, skip_broken=skip_broken, allow_partial=allow_partial,
                    allow_outside=allow_outside)
        refuse_reduce_zero_label(reduce_zero_label)
        manifest = _read_manifest(Path(data_root, MANIFEST_NAME))
        stored = dict(
            classes=tuple(manifest['classes']), palette=manifest['palette'])
        metainfo = {**stored, **(metainfo or {})}
        if tuple(metainfo['classes']) != stored['classes']:
            raise ValueError(
                f'the labels in {data_root} are stored for the classes '
                f'{stored["classes"]}, got {tuple(metainfo["classes"])}; '
                'leave `metainfo` out')
        self._names = [
            (item['image'], item['annotation']) for item in manifest['images']
        ]
        self._skip_broken = skip_broken
        self._allow_partial = allow_partial
        self._allow_outside = allow_outside
        super().__init__(
            data_root=data_root, metainfo=metainfo,
            data_prefix=dict(img_path='', seg_map_path=''), **kwargs)

    def load_data_list(self) -> list[dict]:
        """Return the images of the manifest, in its order."""
        manifest = Path(self.data_root, MANIFEST_NAME)
        data_list, missing = [], []
        for names in self._names:
            image, label = (
                inside(self.data_root, name, manifest,
                       allow=self._allow_outside) for name in names)
            problem = why_no_file(image) or why_no_file(label)
            if problem:
                missing.append(problem)
                continue
            data_list.append(
                dict(
                    img_path=str(image),
                    seg_map_path=str(label),
                    label_map=None,
                    reduce_zero_label=False,
                    seg_fields=[]))
        reasons = [self._check_missing(missing, len(data_list))]
        if self._skip_broken:
            data_list, reason = without_broken(data_list)
            reasons.append(reason)
        if partial := '; '.join(filter(None, reasons)):
            self._metainfo['partial'] = partial
        return data_list

    def _check_missing(self, missing: list[str], num_found: int) -> str:
        if not missing:
            return ''
        text = (f'{len(missing)} of {len(self._names)} pairs of '
                f'{MANIFEST_NAME} lack a file: {name_some(missing)}')
        if not self._allow_partial or not num_found:
            raise FileNotFoundError(
                f'{text}; copy the whole folder, make the set again, or set '
                '`allow_partial=True` for numbers of a part (--cfg-options '
                'test_dataloader.dataset.allow_partial=True)')
        print_log(f'{type(self).__name__} is PARTIAL: {text}',
                  logger='current', level=logging.WARNING)
        return text

    def prepare_data(self, idx: int) -> dict:
        """Run the pipeline on an image that is not broken.

        Raises:
            ValueError: If the image file is broken.
        """
        check_image(self.get_data_info(idx)['img_path'])
        return super().prepare_data(idx)


def _read_manifest(path: Path) -> dict:
    if not path.is_file():
        raise FileNotFoundError(
            f'there is no {path}; `data_root` must be a folder written by '
            'tools/dataset_converters/make_static_benchmark.py')
    manifest = read_json(
        path, dict, dict(classes=list[str], palette=list[list[int]],
                         images=list[dict]), remedy=_REMEDY)
    if not manifest['images']:
        raise ValueError(f'{path.name} of {path.parent} lists no image; '
                         f'{_REMEDY}')
    _check_classes(manifest, path)
    for key in ('image', 'annotation'):
        rows = {}
        for row, item in enumerate(manifest['images']):
            check_keys(item, f'images[{row}] of {path}', {key: str},
                       remedy=_REMEDY)
            first = rows.setdefault(posixpath.normpath(item[key]), row)
            if first != row:
                raise ValueError(
                    f'images[{first}] and images[{row}] of {path} both have '
                    f'the {key} {item[key]!r}; {_REMEDY}')
    return manifest


def _check_classes(manifest: dict, path: Path) -> None:
    if len(manifest['palette']) not in (0, len(manifest['classes'])):
        raise ValueError(f'{path} has {len(manifest["palette"])} colours '
                         f'(`palette`) of {len(manifest["classes"])} classes; '
                         f'{_REMEDY}')
    if len(set(manifest['classes'])) < len(manifest['classes']):
        raise ValueError(f'{path} names a class twice in `classes`, got '
                         f'{manifest["classes"]}; {_REMEDY}')
    if not manifest['classes']:
        raise ValueError(f'{path} names no class (`classes`); {_REMEDY}')
    for color in manifest['palette']:
        if len(color) != 3 or min(color) < 0 or max(color) > 255:
            raise ValueError(f'{path} must have RGB colours of 0 to 255 as '
                             f'`palette`, got {color}; {_REMEDY}')
