"""Test-time augmentation that merges evidence before scoring it.

Shape letters: c channels of one kind of evidence, H, W the original image.
"""
from collections.abc import Sequence

import torch
from mmseg.models.segmentors import SegTTAModel
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from mmseg.utils import SampleList
from torch import nn

from ...checks import check_part
from .slide_inference_with_stitch import SlideInferenceWithStitch

_PREFIX = 'evidence_'


@MODELS.register_module()
class AnomalyTTAModel(SegTTAModel):
    """Average evidence over the versions of an image, then score it once.

    MMSeg's own model averages softmax probabilities, of which energy or RbA
    cannot be computed any more.

    Example::

        tta_model = dict(type='AnomalyTTAModel')
        tta_pipeline = [
            dict(type='LoadImageFromFile'),
            dict(
                type='TestTimeAug',
                transforms=[
                    [dict(type='ResizeToWindow', window_size=(640, 640))],
                    [dict(type='RandomFlip', prob=0.),
                     dict(type='RandomFlip', prob=1.)],
                    [dict(type='LoadCheckedAnnotations', num_classes=19)],
                    [dict(type='PackSegInputs')]
                ])
        ]

    Args:
        module: Config of a ``SlideInferenceWithStitch``, or such a model;
            its ``keep_evidence`` is set to True.
        data_preprocessor: As in MMEngine.

    Raises:
        TypeError: If the model is another.
    """

    def __init__(self,
                 module: dict | nn.Module,
                 data_preprocessor: dict | nn.Module | None = None) -> None:
        check_part('module', module, nn.Module, of=self)
        super().__init__(module, data_preprocessor)
        if not isinstance(self.module, SlideInferenceWithStitch):
            raise TypeError(
                'AnomalyTTAModel merges evidence: `module` must be a '
                'SlideInferenceWithStitch, got '
                f'{type(self.module).__name__}; use SegTTAModel for it')
        self.module.keep_evidence = True

    def merge_preds(
            self,
            data_samples_list: Sequence[SampleList]) -> list[SegDataSample]:
        """Merge the versions of each image.

        Args:
            data_samples_list: For each image its versions, in the original
                resolution, with ``evidence_<name>`` (c, H, W).

        Returns:
            For each image one sample, the first version, with the fields
            of :meth:`SlideInferenceWithStitch.predict`.
        """
        return [self._merge(versions) for versions in data_samples_list]

    def _merge(self, versions: SampleList) -> SegDataSample:
        merged = versions[0]
        names = [key for key, _ in merged.items() if key.startswith(_PREFIX)]
        evidence = {}
        for name in names:
            maps = [version.pop(name).data for version in versions]
            mean = torch.stack(maps).mean(dim=0, keepdim=True)  # (1, c, H, W)
            evidence[name.removeprefix(_PREFIX)] = mean
        self.module.fill_sample(evidence, merged)
        merged.set_metainfo({
            'anomaly_protocol': merged.metainfo['anomaly_protocol'] +
            f', mean of {len(versions)} augmentations'
        })
        return merged
