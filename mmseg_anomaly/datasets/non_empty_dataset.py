"""MMSeg's folder dataset, which refuses to be empty or incomplete."""
import logging
import posixpath
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine import fileio
from mmengine.logging import print_log
from mmseg.datasets import BaseSegDataset

from mmseg_anomaly.checks import check_flags
from mmseg_anomaly.paths import inside
from mmseg_anomaly.text_files import parse_lines

from .pairs import name_some, unpaired_files


class NonEmptyDataset(BaseSegDataset):
    """MMSeg's dataset, which looks at its files when it is built.

    Images and labels of folders are matched in both directions. A list of
    names (``ann_file``) decides itself what belongs to the set; it is UTF-8,
    blank lines count for nothing, and names may end in ``img_suffix`` or not.

    Args:
        args: As in ``BaseSegDataset``.
        img_suffix: End of the names of images, or several such ends.
        allow_unpaired: Leave out files of folders that are no pair of image
            and label, with a warning, and note them in the metainfo's
            ``partial``.
        allow_outside: Accept names of a list that lead out of the folders
            of ``data_prefix``.
        kwargs: As in ``BaseSegDataset``.

    Raises:
        FileNotFoundError: If the list, or a file that it names, is missing.
        ValueError: If no image is found; an image has no label, or a label
            no image; an image is of another format; a link or folder is in
            the place of a file; the list is no text; a list for testing
            names an image twice, or a name leads out of its folder.
    """

    def __init__(self, *args: Any, img_suffix: str | Sequence[str] = '.jpg',
                 allow_unpaired: bool = False, allow_outside: bool = False,
                 **kwargs: Any) -> None:
        check_flags(self, allow_outside=allow_outside,
                    allow_unpaired=allow_unpaired)
        self._allow_unpaired = allow_unpaired
        self._allow_outside = allow_outside
        super().__init__(*args, img_suffix=img_suffix, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Return the images with their labels, as MMSeg lists them."""
        is_listed = self.ann_file and not Path(self.ann_file).is_dir()
        data_list = self._read_list() if is_listed else self._list_files()
        if not data_list:
            source = self.ann_file or self.data_prefix.get('img_path')
            raise ValueError(
                f'{type(self).__name__} finds no image *{self.img_suffix} in '
                f'{source}; check `data_root`, `data_prefix` and '
                '`img_suffix`')
        return data_list if is_listed else self._pairs_of(data_list)

    @property
    def _img_suffixes(self) -> tuple[str, ...]:
        return ((self.img_suffix, ) if isinstance(self.img_suffix, str) else
                tuple(self.img_suffix))

    def _list_files(self) -> list[dict]:
        wanted, data_list = self.img_suffix, []
        for suffix in self._img_suffixes:
            self.img_suffix = suffix  # MMSeg lists one
            data_list += super().load_data_list()
        self.img_suffix = wanted
        return sorted(data_list, key=lambda info: info['img_path'])

    def _pairs_of(self, data_list: list[dict]) -> list[dict]:
        problems = unpaired_files(self, data_list)
        if not problems:
            return data_list
        text = f'{len(problems)} files are no pairs: {name_some(problems)}'
        if not self._allow_unpaired:
            raise ValueError(
                f'{type(self).__name__}: {text}; complete or remove them, '
                'correct `img_suffix` or `seg_map_suffix`, or set '
                '`allow_unpaired=True` to leave them out')
        print_log(f'{type(self).__name__} leaves files out: {text}',
                  logger='current', level=logging.WARNING)
        self._metainfo['partial'] = text
        return [info for info in data_list if all(
            Path(info[key]).is_file() for key in ('img_path', 'seg_map_path')
            if key in info)]

    def _read_list(self) -> list[dict]:
        if not fileio.exists(self.ann_file, backend_args=self.backend_args):
            raise FileNotFoundError(f'there is no list {self.ann_file}; '
                                    'check `data_root` and `ann_file`')
        content = fileio.get(self.ann_file, backend_args=self.backend_args)
        data_list, lines = [], {}
        for number, name in parse_lines(content, self.ann_file):
            for suffix in self._img_suffixes:
                name = name.removesuffix(suffix)  # noqa: PLW2901
            first = lines.setdefault(posixpath.normpath(name), number)
            if self.test_mode and first != number:
                raise ValueError(
                    f'lines {first} and {number} of {self.ann_file} both name '
                    f'{name!r}, which would count twice; remove one')
            data_list.append(dict(
                img_path=self._listed_file(
                    'img_path', name, self._img_suffixes, number),
                label_map=self.label_map,
                reduce_zero_label=self.reduce_zero_label, seg_fields=[]))
            if self.data_prefix.get('seg_map_path') is not None:
                data_list[-1]['seg_map_path'] = self._listed_file(
                    'seg_map_path', name, (self.seg_map_suffix, ), number)
        return data_list

    def _listed_file(self, prefix: str, name: str, suffixes: Sequence[str],
                     number: int) -> str:
        line = f'line {number} of {self.ann_file}'
        paths = [str(inside(self.data_prefix[prefix], name + suffix, line,
                            allow=self._allow_outside))
                 for suffix in suffixes]
        for path in paths:
            if fileio.isfile(path, backend_args=self.backend_args):
                return path
        raise FileNotFoundError(
            f'{line} asks for {paths[0]}, which is missing; correct the list, '
            f'`data_prefix` ({prefix}), `img_suffix` or `seg_map_suffix`')
