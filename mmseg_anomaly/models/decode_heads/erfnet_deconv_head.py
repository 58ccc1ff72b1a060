"""The last layer of the original ERFNet, a transposed convolution.

Shape letters: B images, C channels, K classes, h, w features, H, W windows.
"""
from collections.abc import Sequence
from typing import Any

from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS
from mmseg.utils import OptConfigType
from torch import Tensor, nn

from ...checks import check_flags, check_integer
from ...labels import KNOWN_INDEX
from ..interfaces import EvidenceHead
from ..scoring.evidence import SEG_LOGITS, VOID


@MODELS.register_module()
class ERFNetDeconvHead(BaseDecodeHead, EvidenceHead):
    """Double the features of MMSeg's ``ERFNet`` and classify them in one step.

    A 2x2 transposed convolution of stride 2 has one output for each class
    and, with ``void_output``, one more for pixels that were void in
    training. That one is no class: it travels as the evidence ``void``
    (B, 1, H, W), which the scorer ``void`` reads, and everything else sees K
    logits. Training teaches the K logits only.

    Config::

        backbone=dict(type='ERFNet'),
        decode_head=dict(type='ERFNetDeconvHead'),
        test_cfg=dict(scorer=['softmax_msp', 'void'])

    Args:
        in_channels: C, the channels of the features.
        num_classes: K.
        void_output: Whether there is an output K + 1.
        kwargs: ``loss_decode`` and so on, as ``BaseDecodeHead`` takes them.

    Source: Romera et al., ERFNet: Efficient Residual Factorized ConvNet for
    Real-time Semantic Segmentation, table I; checkpoints of the original
    code by ``tools/model_converters/erfnet2mmseg.py``. Differs: the original
    trains output K + 1 too, as an alternative to the K that is never right.
    """

    def __init__(self,
                 in_channels: int = 16,
                 num_classes: int = 19,
                 *,
                 void_output: bool = True,
                 **kwargs: Any) -> None:
        check_integer('in_channels', in_channels, low=1, of=self)
        check_integer('num_classes', num_classes, low=1, high=KNOWN_INDEX,
                      of=self)
        check_flags(self, void_output=void_output)
        # nothing of the base class draws this head's own layer
        kwargs = {'init_cfg': None, 'dropout_ratio': 0, **kwargs}
        super().__init__(in_channels, in_channels, num_classes=num_classes,
                         **kwargs)
        del self.conv_seg
        self.void_output = void_output
        self.evidence_names = (SEG_LOGITS, VOID)[:1 + void_output]
        self.output_conv = nn.ConvTranspose2d(
            in_channels, num_classes + void_output, kernel_size=2, stride=2)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return the logits (B, K, 2h, 2w) of features (B, C, h, w)."""
        return self._all_outputs(inputs)[:, :self.num_classes]

    def _all_outputs(self, inputs: Sequence[Tensor]) -> Tensor:
        return self.output_conv(self._transform_inputs(inputs))

    def predict_evidence(self, feats: Sequence[Tensor],
                         batch_img_metas: Sequence[dict],
                         test_cfg: OptConfigType) -> dict[str, Tensor]:
        """Return ``seg_logits`` (B, K, H, W) and ``void`` (B, 1, H, W)."""
        outputs = self.predict_by_feat(
            self._all_outputs(feats), batch_img_metas)  # (B, K or K + 1, H, W)
        parts = outputs.tensor_split([self.num_classes], dim=1)
        return dict(zip(self.evidence_names, parts, strict=False))
