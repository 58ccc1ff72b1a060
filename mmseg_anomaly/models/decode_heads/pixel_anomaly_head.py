"""A head that learns, on a frozen EoMT, which pixels are anomalous.

Shape letters: B images, K classes, Q queries, D channels, P prefix tokens,
h w patches, H W pixels, L the logit of an anomaly.
"""
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor

from ...checks import check_flags, check_number
from ...exporting import is_exporting
from ...labels import IGNORE_INDEX, split_outliers
from ..eomt.vit import freeze
from ..scoring.evidence import (
    PIXEL_HEAD,
    SEG_LOGITS,
    Prediction,
    semantic_evidence,
)
from .eomt_decode_head import EoMTDecodeHead
from .pixel_mlp import NUM_STATISTICS, PixelMLP, pixel_statistics

_SEMANTIC_HEAD = 'semantic_head.'


def anomaly_bce(logits: Tensor, anomaly_label: Tensor,
                pos_weight: float) -> Tensor:
    """Average the cross-entropy over the pixels that are not void.

    With y = 1 on anomalies and p = sigmoid(L) a pixel costs
    ``-pos_weight * y * log p - (1 - y) * log(1 - p)``. Void pixels count
    neither in the sum nor in the number of pixels.

    Args:
        logits: (B, 1, H, W) of any floating dtype.
        anomaly_label: (B, H, W) of 0, 1 and 255.
        pos_weight: > 0, how much more an anomalous pixel counts.

    Returns:
        A float32 scalar; 0, with zero gradients, if every pixel is void.
    """
    valid = anomaly_label != IGNORE_INDEX
    target = (valid & (anomaly_label > 0)).float()  # (B, H, W)
    with torch.autocast(logits.device.type, enabled=False):
        costs = F.binary_cross_entropy_with_logits(
            logits[:, 0].float(), target, reduction='none',
            pos_weight=target.new_tensor(pos_weight))
        return (costs * valid).sum() / valid.sum().clamp(min=1)


@MODELS.register_module()
class PixelAnomalyHead(BaseModule):
    """Decide for each pixel, from the scores and features of a frozen EoMT.

    A small network reads four statistics of the class scores S (see
    :func:`pixel_statistics`) and the patch tokens after the last block and
    the final norm, from which the masks are made too, enlarged bilinearly
    (see :class:`PixelMLP`). It alone learns; the semantic head runs in eval
    mode without gradients, and so must the backbone (``frozen=True``). The
    semantic evidence stays that of the semantic head, to the bit.

    The checkpoint of a plain EoMT loads into it: keys of its head get the
    prefix ``semantic_head.``, and the network keeps its initial values. Then
    it can be trained, but not be tested. Training without loaded values of
    the semantic head is an error.

    Config::

        backbone=dict(type='EoMTViT', frozen=True, ...),
        decode_head=dict(
            type='PixelAnomalyHead',
            semantic_head=dict(type='EoMTDecodeHead', ...),
            pos_weight=10.0),
        test_cfg=dict(scorer=['pixel_head', 'rba'])
        load_from='work_dirs/eomt_b_640/iter_19902.pth'

    Args:
        semantic_head: Config of an ``EoMTDecodeHead``.
        hidden_dim: Width of the first hidden layer; the second has half.
        dropout: Probability of dropping a hidden value in training.
        pos_weight: How much more an anomalous pixel counts in the loss.
        feature_proj: Width to which patch tokens are projected first (a
            linear layer and a ReLU), or None to use all channels.
        use_features: False looks at the statistics only.
        with_cp: Recompute hidden values in backward to save memory.
        init_cfg: As in every MMEngine module.

    Raises:
        ValueError: If ``pos_weight`` is not positive or the widths do not
            fit each other; in training, if the backbone is not frozen.
        RuntimeError: In training, if no trained EoMT was loaded; in testing,
            if the checkpoint holds a plain one only.

    Source: the anomaly head of DaddaRev's EoMT project (statistics, features
    of the last normed patch grid, loss); differs: widths, dropout, and void
    pixels count as void.
    """

    is_mask_classifier = True
    evidence_names = (*EoMTDecodeHead.evidence_names, PIXEL_HEAD)
    reads_reserved_labels = True
    learns_anomalies = True
    align_corners = False
    threshold = None

    def __init__(self,
                 semantic_head: dict,
                 hidden_dim: int = 256,
                 *,
                 dropout: float = 0.3,
                 pos_weight: float = 10.0,
                 feature_proj: int | None = None,
                 use_features: bool = True,
                 with_cp: bool = False,
                 init_cfg: dict | list | None = None) -> None:
        super().__init__(init_cfg)
        check_number('pos_weight', pos_weight, above=0)
        check_flags(self, use_features=use_features)
        self.semantic_head = MODELS.build(semantic_head)
        freeze(self.semantic_head)
        self.vit_settings = self.semantic_head.vit_settings
        self.num_classes = self.semantic_head.num_classes
        self.out_channels = self.semantic_head.out_channels
        self.evidence_names = (
            *self.semantic_head.evidence_names, PIXEL_HEAD)
        self.pos_weight = pos_weight
        self.mlp = PixelMLP(
            NUM_STATISTICS,
            self.semantic_head.embed_dim if use_features else 0,
            hidden_dim=hidden_dim,
            dropout=dropout,
            feature_proj=feature_proj,
            with_cp=with_cp)
        self._semantic_head_is_loaded = False
        self._mlp_is_untrained = False
        self.register_load_state_dict_pre_hook(_adopt_plain_eomt)
        self.register_load_state_dict_post_hook(_note_loaded_head)

    def train(self, mode: bool = True) -> 'PixelAnomalyHead':
        """Set the training mode; the semantic head stays in eval mode."""
        super().train(mode)
        self.semantic_head.eval()
        return self

    def forward(self, inputs: tuple[Tensor, Tensor]) -> Tensor:
        """Judge every pixel of the input.

        Args:
            inputs: ``(patch_map, prefix_tokens)`` of shapes (B, D, h, w) and
                (B, P, D), as ``EoMTViT`` returns them.

        Returns:
            L (B, 1, H, W), larger is more anomalous.
        """
        return self.mlp(*self.pixel_inputs(inputs))

    @torch.no_grad()
    def pixel_inputs(
            self, inputs: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Collect what the small network reads.

        Args:
            inputs: As in :meth:`forward`.

        Returns:
            The statistics (B, 4, H, W) and the patch tokens (B, D, h, w).
        """
        prediction, patch_map = self.semantic_head.predict_with_features(
            inputs)
        size = self.semantic_head.input_size(inputs)
        statistics = torch.cat([
            pixel_statistics(semantic_evidence(one, size)[SEG_LOGITS])
            for one in _image_by_image(prediction)
        ])
        return statistics, patch_map

    def loss(self, inputs: tuple[Tensor, Tensor],
             batch_data_samples: list[SegDataSample],
             train_cfg: dict | None) -> dict[str, Tensor]:
        """Loss of every pixel, as MMSeg asks a head for it.

        Args:
            inputs: As in :meth:`forward`.
            batch_data_samples: Their ``gt_sem_seg`` in the stored label
                convention, in the resolution of the input.
            train_cfg: Unused, part of MMSeg's interface.

        Returns:
            ``loss_pixel``.
        """
        self._check_training(inputs)
        self._mlp_is_untrained = False
        return self.loss_by_feat(self(inputs), batch_data_samples)

    def loss_by_feat(
            self, logits: Tensor,
            batch_data_samples: list[SegDataSample]) -> dict[str, Tensor]:
        """Loss of logits (B, 1, H, W) that were computed."""
        seg_label = torch.stack(
            [sample.gt_sem_seg.data[0] for sample in batch_data_samples])
        _, anomaly_label = split_outliers(seg_label)
        return dict(
            loss_pixel=anomaly_bce(logits, anomaly_label, self.pos_weight))

    def predict_evidence(self, inputs: tuple[Tensor, Tensor],
                         batch_img_metas: list[dict],
                         test_cfg: dict | None) -> dict[str, Tensor]:
        """Evidence per pixel of the input, before any stitching.

        Returns:
            The evidence of the semantic head, unchanged, and ``pixel_head``
            (B, 2, H, W), the pair (0, L).
        """
        if self._mlp_is_untrained:
            raise RuntimeError(
                'PixelAnomalyHead was given the checkpoint of a plain EoMT, '
                'which holds no pixel head: train one on it by `load_from`, '
                'or test a checkpoint of that training')
        prediction, patch_map = self.semantic_head.predict_with_features(
            inputs)
        evidence = self.semantic_head.evidence_from_prediction(
            prediction, inputs)
        statistics = pixel_statistics(evidence[SEG_LOGITS])
        logits = self.mlp(statistics, patch_map).float()
        pair = torch.cat([torch.zeros_like(logits), logits], dim=1)
        return {**evidence, PIXEL_HEAD: pair}

    def predict(self, inputs: tuple[Tensor, Tensor],
                batch_img_metas: list[dict],
                test_cfg: dict | None) -> Tensor:
        """Semantic evidence (B, K, H, W), that of the semantic head."""
        return self.semantic_head.predict(inputs, batch_img_metas, test_cfg)

    def _check_training(self, inputs: tuple[Tensor, Tensor]) -> None:
        if any(tokens.requires_grad for tokens in inputs):
            raise ValueError('PixelAnomalyHead trains on a frozen model, the '
                             'backbone is learning: set '
                             '`backbone.frozen=True`')
        if not self._semantic_head_is_loaded:
            raise RuntimeError(
                'PixelAnomalyHead needs a trained EoMT to learn on, and none '
                'was loaded: train its config without "_pixel-head" first '
                'and set `load_from` to the checkpoint')


def _image_by_image(prediction: Prediction) -> list[Prediction]:
    """Split B images: their enlarged masks need not exist together."""
    if is_exporting():
        return [prediction]
    masks, classes, class_scale = prediction
    return [
        Prediction(masks[i:i + 1], classes[i:i + 1], class_scale)
        for i in range(len(masks))
    ]


def _adopt_plain_eomt(head: PixelAnomalyHead, state_dict: dict[str, Tensor],
                      prefix: str, *_: Any) -> None:
    """Take the head of a plain EoMT as the semantic head.

    The head's own network is then complete as it is; nothing else is.
    """
    own = [key for key in state_dict if key.startswith(prefix)]
    parts = tuple(prefix + name for name, _ in head.named_children())
    if not own or any(key.startswith(parts) for key in own):
        head._mlp_is_untrained = False
        return
    for key in own:
        renamed = prefix + _SEMANTIC_HEAD + key.removeprefix(prefix)
        state_dict[renamed] = state_dict.pop(key)
    for key, value in head.mlp.state_dict(prefix=prefix + 'mlp.').items():
        state_dict[key] = value
    head._mlp_is_untrained = True


def _note_loaded_head(head: PixelAnomalyHead, incompatible: Any) -> None:
    """Note whether every value of the semantic head was loaded."""
    head._semantic_head_is_loaded = not any(
        f'.{_SEMANTIC_HEAD}' in f'.{key}' for key in incompatible.missing_keys)
