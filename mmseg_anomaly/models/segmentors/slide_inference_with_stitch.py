"""Sliding windows for any MMSeg model, stitched before the decision.

Shape letters: B images, c channels of one kind of evidence, K classes, H, W
the network's input or the original image, h, w one window, n windows.
"""
from collections.abc import Mapping, Sequence

from mmengine.structures import PixelData
from mmseg.models.segmentors import EncoderDecoder
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from mmseg.utils import (
    ConfigType,
    OptConfigType,
    OptMultiConfig,
    OptSampleList,
    SampleList,
    add_prefix,
)
from torch import Tensor, nn

from ...checks import check_parts
from ...class_names import ClassMeta, names_classes
from ...exporting import refuse_export
from ..eomt.vit_settings import check_same_vit, hand_out_vit, reading_once
from ..inference.region_of_interest import RegionOfInterest
from ..inference.undo_test_transforms import undo_test_transforms
from ..inference.windows import WindowSettings, stitch_windows
from ..interfaces import as_evidence_head, check_evidence_size
from ..scoring.scorer_configs import build_scorers
from ..scoring.scorers import score_evidence
from .mmseg_functions import ServesMMSegFunctions
from .outlier_training import (
    OutlierLosses,
    SplitBatch,
    auxiliary_losses,
    check_outlier_losses,
    decode_losses,
    outlier_losses,
)


@MODELS.register_module()
class SlideInferenceWithStitch(ServesMMSegFunctions, EncoderDecoder):
    """``EncoderDecoder`` that stitches evidence and then scores it once.

    Testing: the evidence of an ``EvidenceHead``, or the logits of any other
    decode head, is averaged over windows, cut, flipped back and resized to
    the original resolution. There the classes are the argmax of
    ``seg_logits`` and every scorer makes its map. Windows larger than the
    image see zeros beyond it; those pixels reach no result.

    Training: heads get copies of the samples that hold the semantic label
    (class ids and 255), unless they declare ``reads_reserved_labels = True``.
    Losses in ``outlier_losses`` get the logits of the head's own training
    pass: of an ``OutlierAwareHead``, or of a head that computes its loss as
    :class:`BaseDecodeHead` does. The contracts are Protocols of
    ``mmseg_anomaly.models.interfaces``.

    Example::

        model = dict(
            type='SlideInferenceWithStitch',
            backbone=..., decode_head=..., data_preprocessor=...,
            test_cfg=dict(
                mode='slide', crop_size=(512, 1024), window_weight='hann',
                scorer=['max_logit', 'entropy'], roi='road'))

    Args:
        backbone, decode_head, neck, auxiliary_head, train_cfg,
            data_preprocessor, pretrained, init_cfg: As in MMSeg.
        test_cfg: ``mode`` ('whole' by default, or 'slide'), ``crop_size``
            (rows, columns), ``stride`` (rows, columns; None spaces the
            fewest windows evenly), ``window_weight`` ('uniform' or 'hann'),
            ``window_batch_size`` (windows in one forward pass, default 4),
            ``scorer`` (see :func:`build_scorers`, default 'max_logit'),
            ``roi`` (name or index of a class; scores outside the convex hull
            of its predicted pixels become the lowest finite float32).
            Mode 'whole' is one window of the size of the input.
        outlier_losses: MODELS configs; each ``loss_name`` must differ.
        vit: ``arch``, ``img_size``, ``patch_size``, ``num_joint_blocks`` and
            ``pretrained`` of an EoMT, as far as they are not the defaults:
            ``backbone`` and ``decode_head`` (or its ``semantic_head``) get
            them and need not state them.

    Raises:
        ValueError: If ``test_cfg`` is wrong, a scorer does not fit the head,
            a head of plain logits has one channel, loss names repeat, or
            the two halves of a ViT disagree with each other or ``vit``.
        TypeError: If ``outlier_losses`` meet a head that cannot serve them.

    Memory: the stitched evidence of a batch is held once in float32 at the
    input's resolution; enlarging and scoring go image by image.
    """

    def __init__(self,
                 backbone: ConfigType,
                 decode_head: ConfigType,
                 neck: OptConfigType = None,
                 auxiliary_head: OptConfigType = None,
                 train_cfg: OptConfigType = None,
                 test_cfg: OptConfigType = None,
                 data_preprocessor: OptConfigType = None,
                 pretrained: str | None = None,
                 init_cfg: OptMultiConfig = None,
                 outlier_losses: Sequence[ConfigType] = (),
                 vit: OptConfigType = None) -> None:
        backbone, decode_head = hand_out_vit(vit, backbone, decode_head)
        super().__init__(backbone, decode_head, neck, auxiliary_head,
                         train_cfg, test_cfg, data_preprocessor, pretrained,
                         init_cfg)
        check_same_vit(self.backbone, self.decode_head)
        has_queries = as_evidence_head(self.decode_head).is_mask_classifier
        if self.out_channels < 2 and not has_queries:
            raise ValueError(
                'SlideInferenceWithStitch compares classes: decode_head.'
                f'out_channels must be at least 2, got {self.out_channels}; '
                'give a binary head num_classes=2, out_channels=2')
        self.settings = WindowSettings.from_cfg(test_cfg)
        self.scorers = build_scorers(self.settings.scorer, has_queries)
        check_parts('outlier_losses', outlier_losses, nn.Module, of='model')
        self.roi = RegionOfInterest(self.settings.roi, self.num_classes)
        self.outlier_losses = OutlierLosses(
            MODELS.build(cfg) for cfg in outlier_losses)
        check_outlier_losses(self.outlier_losses, self.decode_head)
        # set by AnomalyTTAModel, which scores after merging
        self.keep_evidence = False

    @ServesMMSegFunctions.dataset_meta.setter
    def dataset_meta(self, meta: ClassMeta | None) -> None:
        """Name the classes, of which ``test_cfg.roi`` must be one."""
        self._dataset_meta = meta
        if names_classes(meta):
            self.roi.index_in(meta['classes'])

    def init_weights(self) -> None:
        """Initialise all parts; a pretrained ViT is read for both halves."""
        with reading_once():
            super().init_weights()

    def predict(self,
                inputs: Tensor,
                data_samples: OptSampleList = None) -> SampleList:
        """Predict classes and anomaly maps.

        Args:
            inputs: (B, 3, H, W), normalised.
            data_samples: B samples whose metainfo lists the resizing, padding
                and flip of the inputs; None takes the inputs as the original
                images.

        Returns:
            The samples with ``seg_logits`` (K, H, W), ``pred_sem_seg``
            (1, H, W) int64, ``pred_anomaly_map`` (1, H, W) float32 of the
            first scorer, ``anomaly_map_<name>`` of each, and the metainfo
            ``anomaly_scorers`` and ``anomaly_protocol``.
        """
        if data_samples is None:
            data_samples = [SegDataSample() for _ in inputs]
        metas = [sample.metainfo for sample in data_samples]
        evidence = self.stitch_evidence(inputs, metas)
        return self.postprocess_result(evidence, data_samples)

    def inference(self, inputs: Tensor,
                  batch_img_metas: Sequence[dict]) -> Tensor:
        """Return the stitched ``seg_logits`` (B, K, H, W)."""
        return self.stitch_evidence(inputs, batch_img_metas)['seg_logits']

    def stitch_evidence(self, inputs: Tensor,
                        batch_img_metas: Sequence[dict]) -> dict[str, Tensor]:
        """Average the head's evidence over the windows of each image.

        Args:
            inputs: (B, 3, H, W), normalised.
            batch_img_metas: B dicts; the head gets changed copies.

        Returns:
            Name -> (B, c, H, W) float32 in the resolution of the inputs.
        """
        refuse_export(
            'stitching windows',
            "export the network by `model(inputs, mode='tensor')`, and cut "
            'and stitch windows outside')
        window_hw, stride_hw = self.settings.layout(inputs.shape[-2:])

        def forward(windows: Tensor, images: list[int]) -> dict[str, Tensor]:
            metas = [batch_img_metas[i] for i in images]
            return self._window_evidence(windows, metas)

        return stitch_windows(
            inputs, forward, window_hw, stride_hw=stride_hw,
            weight_kind=self.settings.window_weight,
            batch_size=self.settings.window_batch_size)

    def _window_evidence(self, windows: Tensor,
                         metas: Sequence[dict]) -> dict[str, Tensor]:
        """Run the network on windows (n, 3, h, w); name -> (n, c, h, w)."""
        # MMSeg's heads know a window by the type of img_shape
        size = windows.shape[-2:]
        metas = [{**meta, 'img_shape': size, 'pad_shape': size}
                 for meta in metas]
        feats = self.extract_feat(windows)
        evidence = as_evidence_head(self.decode_head).predict_evidence(
            feats, metas, self.test_cfg)
        check_evidence_size(self.decode_head, evidence, size)
        return evidence

    def postprocess_result(self, evidence: Mapping[str, Tensor],
                           data_samples: SampleList) -> SampleList:
        """Bring evidence to the original resolution and decide there.

        Args:
            evidence: Name -> (B, c, H, W) in the resolution of the inputs.
            data_samples: B samples, to be filled.

        Returns:
            The same samples, filled as in :meth:`predict`; or, with
            ``keep_evidence``, holding ``evidence_<name>`` (c, H, W) only.
        """
        for i, sample in enumerate(data_samples):
            restored = {
                name: undo_test_transforms(
                    values[i:i + 1], sample.metainfo, self.align_corners)
                for name, values in evidence.items()
            }
            if self.keep_evidence:
                sample.set_data({
                    f'evidence_{name}': PixelData(data=values[0])
                    for name, values in restored.items()
                })
            else:
                self.fill_sample(restored, sample)
        return data_samples

    def fill_sample(self, evidence: Mapping[str, Tensor],
                    data_sample: SegDataSample) -> None:
        """Score evidence and write all results into a sample.

        Args:
            evidence: Name -> (1, c, H, W) in the original resolution.
            data_sample: Filled as in :meth:`predict`.
        """
        seg_logits = evidence['seg_logits'][0]
        pred_sem_seg = seg_logits.argmax(dim=0, keepdim=True)  # (1, H, W)
        scores = score_evidence(self.scorers, evidence,
                                data_sample.get('img_path'))
        maps = {
            name: PixelData(data=anomaly_map[0]) for name, anomaly_map in
            self.roi.restrict(scores, pred_sem_seg,
                              self.dataset_meta['classes']).items()
        }
        data_sample.set_data({
            'seg_logits': PixelData(data=seg_logits),
            'pred_sem_seg': PixelData(data=pred_sem_seg),
            'pred_anomaly_map': next(iter(maps.values())),
            **{f'anomaly_map_{name}': maps[name] for name in maps}
        })
        data_sample.set_metainfo({
            'anomaly_scorers': tuple(maps),
            'anomaly_protocol': self.settings.protocol + self.roi.protocol
        })

    def loss(self, inputs: Tensor, data_samples: SampleList) -> dict:
        """Compute the losses of all heads and the outlier losses.

        Args:
            inputs: (B, 3, H, W), normalised.
            data_samples: B samples with ``gt_sem_seg`` as stored.

        Returns:
            Losses named ``decode.*``, ``aux.*`` or ``aux_<i>.*``, and
            ``outlier.<loss_name>``.
        """
        feats = self.extract_feat(inputs)
        batch = SplitBatch(data_samples)
        losses, seg_logits = decode_losses(
            self.decode_head, feats, batch.samples_for(self.decode_head),
            self.train_cfg, with_logits=len(self.outlier_losses) > 0)
        losses = add_prefix(losses, 'decode')
        if self.with_auxiliary_head:
            losses |= auxiliary_losses(self.auxiliary_head, feats, batch,
                                       self.train_cfg)
        if self.outlier_losses:
            losses |= outlier_losses(self.outlier_losses, seg_logits,
                                     batch.anomaly_label, self.align_corners)
        return losses
