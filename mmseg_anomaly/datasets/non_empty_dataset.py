"""MMSeg's folder dataset, which refuses to be empty."""
from mmseg.datasets import BaseSegDataset


class NonEmptyDataset(BaseSegDataset):
    """MMSeg's dataset, but an empty one says where it looked.

    Raises:
        ValueError: If no image is found.
    """

    def load_data_list(self) -> list[dict]:
        """Return the images with their labels, as MMSeg lists them."""
        data_list = super().load_data_list()
        if not data_list:
            source = self.ann_file or self.data_prefix.get('img_path')
            raise ValueError(
                f'{type(self).__name__} finds no image *{self.img_suffix} in '
                f'{source}; check `data_root`, `data_prefix` and '
                '`img_suffix`')
        return data_list
