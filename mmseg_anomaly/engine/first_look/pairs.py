"""Every image of MMSeg's own datasets has its label, and every label one."""
from mmseg.datasets import BaseSegDataset

from ...datasets.pairs import name_some, unpaired_files
from .look import Look


def unpaired_sets(look: Look) -> str | None:
    """Look for files that a folder dataset of MMSeg would pass over.

    Our datasets refuse them when they are built, and so may those which list
    their files in their own way.
    """
    for key, dataset in look.datasets():
        if not isinstance(dataset, BaseSegDataset) or (
                type(dataset).load_data_list
                is not BaseSegDataset.load_data_list):
            continue
        # listed again: `indices` and filters leave files out on purpose
        problems = unpaired_files(dataset, dataset.load_data_list())
        if problems:
            return (f'{len(problems)} files of `{key}` are no pairs: '
                    f'{name_some(problems)}; complete or remove them, or '
                    'correct `img_suffix` or `seg_map_suffix`')
    return None
