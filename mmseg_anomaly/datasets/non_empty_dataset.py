"""MMSeg's folder dataset, which refuses to be empty or incomplete."""
from pathlib import Path
from typing import Any

from mmengine import fileio
from mmseg.datasets import BaseSegDataset

from mmseg_anomaly.paths import inside
from mmseg_anomaly.text_files import parse_lines


class NonEmptyDataset(BaseSegDataset):
    """MMSeg's dataset, which looks at its files when it is built.

    A list of names (``ann_file``) is UTF-8; blank lines count for nothing,
    and names may end in ``img_suffix`` or not.

    Args:
        allow_outside: Whether a list may name files outside the folders of
            ``data_prefix``.
        args: Arguments of ``BaseSegDataset``.
        kwargs: Likewise, by name.

    Raises:
        FileNotFoundError: If the list, or a file that it names, is missing.
        ValueError: If no image is found, the list is no text or names a file
            outside, or a list for testing names an image twice.
    """

    def __init__(self, *args: Any, allow_outside: bool = False,
                 **kwargs: Any) -> None:
        self._allow_outside = allow_outside
        super().__init__(*args, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Return the images with their labels, as MMSeg lists them."""
        is_listed = self.ann_file and not Path(self.ann_file).is_dir()
        data_list = (self._read_list() if is_listed else
                     super().load_data_list())
        if not data_list:
            source = self.ann_file or self.data_prefix.get('img_path')
            raise ValueError(
                f'{type(self).__name__} finds no image *{self.img_suffix} in '
                f'{source}; check `data_root`, `data_prefix` and '
                '`img_suffix`')
        return data_list

    def _read_list(self) -> list[dict]:
        if not fileio.exists(self.ann_file, backend_args=self.backend_args):
            raise FileNotFoundError(f'there is no list {self.ann_file}; '
                                    'check `data_root` and `ann_file`')
        content = fileio.get(self.ann_file, backend_args=self.backend_args)
        data_list, lines = [], {}
        for number, name in parse_lines(content, self.ann_file):
            name = name.removesuffix(self.img_suffix)
            first = lines.setdefault(name, number)
            if self.test_mode and first != number:
                raise ValueError(
                    f'lines {first} and {number} of {self.ann_file} both name '
                    f'{name!r}, which would count twice; remove one')
            data_list.append(dict(
                img_path=self._listed_file(
                    'img_path', name + self.img_suffix, number),
                label_map=self.label_map,
                reduce_zero_label=self.reduce_zero_label, seg_fields=[]))
            if self.data_prefix.get('seg_map_path') is not None:
                data_list[-1]['seg_map_path'] = self._listed_file(
                    'seg_map_path', name + self.seg_map_suffix, number)
        return data_list

    def _listed_file(self, prefix: str, name: str, number: int) -> str:
        path = str(inside(self.data_prefix[prefix], name, self.ann_file,
                          allow=self._allow_outside))
        if not fileio.isfile(path, backend_args=self.backend_args):
            raise FileNotFoundError(
                f'line {number} of {self.ann_file} asks for {path}, which is '
                f'missing; correct the list, `data_prefix` ({prefix}), '
                '`img_suffix` or `seg_map_suffix`')
        return path
