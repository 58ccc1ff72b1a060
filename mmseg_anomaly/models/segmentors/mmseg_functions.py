"""What MMSeg's functions for single pictures expect of a model.

They are ``init_model``, ``inference_model``, ``show_result_pyplot`` and
``MMSegInferencer``. They hand over whatever picture they are given, and ask
the model for the names of its classes.

Shape letters: H, W a picture.
"""
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from mmseg.utils import OptSampleList, SampleList
from torch import Tensor, nn

from ...class_names import (
    ClassMeta,
    meta_of_config,
    names_classes,
    numbered_classes,
)


class ServesMMSegFunctions(nn.Module):
    """A segmentor that checks its pictures and names its classes.

    MMSeg's functions set both attributes.

    Attributes:
        cfg: The whole config, or None.
        dataset_meta: ``classes`` and ``palette`` that the checkpoint names;
            where it does not, those of the config's datasets; without any
            the classes are numbered.
    """

    cfg: Mapping[str, Any] | None = None
    _dataset_meta: ClassMeta | None = None

    @property
    def dataset_meta(self) -> ClassMeta:
        """Names and colours, see the attributes of the class."""
        if names_classes(self._dataset_meta):
            return self._dataset_meta
        num_classes = self.decode_head.num_classes
        return (meta_of_config(self.cfg, num_classes)
                or numbered_classes(num_classes))

    @dataset_meta.setter
    def dataset_meta(self, meta: ClassMeta | None) -> None:
        self._dataset_meta = meta

    def test_step(self, data: dict) -> SampleList:
        """Test a batch; images of different sizes go one by one.

        Args:
            data: ``inputs``, checked by :func:`check_pictures`, and
                ``data_samples``.
        """
        return self._step(super().test_step, data)

    def val_step(self, data: dict) -> SampleList:
        """Validate a batch, as :meth:`test_step` tests it."""
        return self._step(super().val_step, data)

    def _step(self, step: Callable[[dict], SampleList],
              data: dict) -> SampleList:
        mean = dict(self.data_preprocessor.named_buffers()).get('mean')
        if mean is not None and mean.numel() == 3:
            check_pictures(data['inputs'])
        return _step_by_size(step, data)

    def _forward(self, inputs: Tensor, data_samples: OptSampleList = None
                 ) -> Tensor | tuple[Tensor, ...]:
        """Run the network on windows, for exporting and counting operations.

        Returns:
            What the decode head returns; of mask classifiers ``mask_logits``
            (B, Q, h', w') and the class logits (B, Q, K + 1) whose softmax
            the evidence is made of.
        """
        outputs = super()._forward(inputs, data_samples)
        if not isinstance(outputs, list):
            return outputs
        masks, classes, class_scale = outputs[-1]
        return masks, class_scale * classes


def _step_by_size(step: Callable[[dict], SampleList],
                  data: dict) -> SampleList:
    """Call a step once, or image by image where sizes differ.

    MMSeg's preprocessor stacks a test batch and refuses different sizes.
    """
    inputs = data['inputs']
    if len({tuple(image.shape) for image in inputs}) < 2:
        return step(data)
    return [
        step({key: value[i:i + 1]
              for key, value in data.items()})[0] for i in range(len(inputs))
    ]


def check_pictures(pictures: Sequence[Tensor] | Tensor) -> None:
    """Check what a model that normalises three channels is given.

    Args:
        pictures: (C, H, W) each, or stacked.

    Raises:
        TypeError: If the values are neither uint8 nor floating.
        ValueError: If C is not 3, a picture is empty, or floats are not
            finite or seem to lie between 0 and 1.
    """
    for picture in pictures:
        channels, *size = picture.shape
        if channels != 3 or not picture.numel():
            raise ValueError(
                'a picture must be grey, BGR or BGRA, of shape (H, W), (H, W, '
                f'1), (H, W, 3) or (H, W, 4); got {channels} channels of '
                f'{tuple(size)}')
        if picture.dtype != torch.uint8:
            _check_values(picture)


def _check_values(picture: Tensor) -> None:
    if not picture.is_floating_point():
        raise TypeError('a picture must be of uint8, or of floats from 0 to '
                        f'255, got {picture.dtype}; scale it to 0..255 and '
                        'convert it by `.astype(numpy.uint8)`')
    if not picture.isfinite().all():
        raise ValueError('a picture holds values that are no finite numbers; '
                         'repair the file or array')
    if picture.max() <= 1 and (picture != picture.round()).any():
        raise ValueError('a picture of floats must have values from 0 to 255, '
                         'got none above 1; multiply it by 255')
