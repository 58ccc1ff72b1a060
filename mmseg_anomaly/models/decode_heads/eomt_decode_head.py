"""EoMTDecodeHead: the blocks that queries and patches share.

Shape letters: B images, Q queries, K classes, D channels, P prefix tokens,
N tokens in all, h w patches, H W pixels, L joint blocks.
"""
from collections.abc import Sequence

import torch
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from ...checks import check_flags, check_integer, check_parts
from ...labels import KNOWN_INDEX, split_outliers
from ..eomt.joint_blocks import JointBlocks
from ..eomt.masks import (
    make_mask_head,
    make_upscaling,
    multiply_masks,
    patch_map_of,
    query_attention_mask,
)
from ..eomt.vit import Arch, run_block
from ..interfaces import LinearClassHead, as_class_head
from ..losses.argument_checks import check_loss_names
from ..scoring.evidence import (
    EAM,
    NO_OBJECT,
    SEG_LOGITS,
    Prediction,
    semantic_evidence,
)


@MODELS.register_module()
class EoMTDecodeHead(JointBlocks):
    """Last blocks of a ViT together with learned queries.

    In training the queries predict before each joint block and after the
    last one, every prediction has its losses, and a query attends only to
    the patches of the mask it has just predicted, with a probability that
    ``AttnMaskAnnealingHook`` lowers from 1 to 0. At test time a block whose
    probability is 0 makes no prediction, so that a fully annealed model
    costs one prediction; otherwise the mask is always applied.

    Config::

        vit=dict(arch='vit_base_patch14_reg4_dinov2',
                 img_size=(640, 640), num_joint_blocks=3),
        decode_head=dict(
            type='EoMTDecodeHead', num_classes=19,
            query_losses=[
                dict(type='EIMLoss', temperature=1.0, loss_weight=0.1)])

    Args:
        arch, img_size, patch_size, num_joint_blocks, pretrained: As in
            ``EoMTViT``; ``vit`` of the segmentor hands them to both.
        num_classes: Number of classes K, without no-object.
        num_queries: Number of queries Q.
        class_head: Config of a module such as ``IsoMaxPlusClassifier``,
            built with ``in_features`` and ``out_features``; see
            :class:`~mmseg_anomaly.models.interfaces.ClassHead`. None is a
            linear layer.
        criterion: Loss of masks and classes, called with all predictions.
        query_losses: Losses on the class logits (B, Q, K + 1) of every
            prediction, such as ``EIMLoss``.
        drop_path_rate: Stochastic depth of the ViT's last block.
        with_cp: Recompute blocks in backward to save memory.
        init_cfg: As in every MMEngine module.

    Raises:
        ValueError: If the arguments do not fit each other.
        TypeError: If the class head is no ``ClassHead``.

    Source: Kerssies et al., Your ViT is Secretly an Image Segmentation
    Model, CVPR 2025, section 3 (mask annealing: section 3.3); differs: where
    a mask probability lies strictly between 0 and 1, testing applies the
    mask instead of sampling.
    """

    is_mask_classifier = True
    evidence_names = (SEG_LOGITS, EAM, NO_OBJECT)
    reads_reserved_labels = True
    align_corners = False
    threshold = None

    def __init__(self,
                 arch: Arch,
                 img_size: tuple[int, int],
                 *,
                 patch_size: int = 16,
                 num_joint_blocks: int = 3,
                 num_classes: int = 19,
                 num_queries: int = 100,
                 class_head: dict | None = None,
                 criterion: dict | None = None,
                 query_losses: Sequence[dict] = (),
                 pretrained: str | bool | None = None,
                 drop_path_rate: float = 0.,
                 with_cp: bool = False,
                 init_cfg: dict | list | None = None) -> None:
        check_integer('num_queries', num_queries, low=1, of=self)
        super().__init__(
            arch, img_size, patch_size=patch_size,
            num_joint_blocks=num_joint_blocks, num_queries=num_queries,
            pretrained=pretrained, drop_path_rate=drop_path_rate,
            init_cfg=init_cfg)
        check_integer('num_classes', num_classes, low=1, high=KNOWN_INDEX,
                      of=self)
        check_flags(self, with_cp=with_cp)
        check_parts('query_losses', query_losses, nn.Module, of=self)
        self.num_classes = num_classes
        self.out_channels = num_classes
        self.with_cp = with_cp
        dim = self.embed_dim
        self.queries = nn.Embedding(num_queries, dim)
        sizes = dict(in_features=dim, out_features=num_classes + 1)
        self.class_head = (
            as_class_head(MODELS.build({**class_head, **sizes}))
            if class_head else LinearClassHead(**sizes))
        self.evidence_names += self.class_head.evidence_names
        self.mask_head = make_mask_head(dim)
        self.upscale = make_upscaling(dim, patch_size)
        self.criterion = MODELS.build({
            'type': 'MaskClassificationLoss',
            'num_classes': num_classes,
            **self.class_head.criterion_args,
            **(criterion or {})
        })
        self.query_losses = nn.ModuleList(
            MODELS.build(cfg) for cfg in query_losses)
        check_loss_names(
            'query_losses', [loss.loss_name for loss in self.query_losses],
            taken=('loss_mask', 'loss_dice', 'loss_cls'))

    def forward(self, inputs: tuple[Tensor, Tensor]) -> list[Prediction]:
        """Run the joint blocks.

        Args:
            inputs: ``(patch_map, prefix_tokens)`` of shapes (B, D, h, w) and
                (B, P, D), as ``EoMTViT`` returns them.

        Returns:
            The predictions before each joint block (at test time only where
            attention is masked), then the one after the last block.
        """
        predictions, tokens = self._run_blocks(inputs)
        grid = inputs[0].shape[2:]
        return [*predictions, self._predict(self.norm(tokens), grid)]

    def predict_with_features(
            self, inputs: tuple[Tensor, Tensor]) -> tuple[Prediction, Tensor]:
        """Predict once, and return the features of the masks as well.

        Args:
            inputs: As in :meth:`forward`.

        Returns:
            The prediction after the last block, equal to that of
            :meth:`forward`, and the patch tokens (B, D, h, w) after the last
            block and the final norm.
        """
        tokens = self.norm(self._run_blocks(inputs)[1])
        grid = inputs[0].shape[2:]
        return self._predict(tokens, grid), patch_map_of(tokens, grid)

    def _run_blocks(
        self, inputs: tuple[Tensor, Tensor]
    ) -> tuple[list[Prediction], Tensor]:
        """The predictions in between, and the last tokens (B, N, D)."""
        patch_map, prefix_tokens = inputs
        grid = patch_map.shape[2:]
        queries = self.queries.weight.expand(patch_map.shape[0], -1, -1)
        patches = patch_map.flatten(2).transpose(1, 2)  # (B, h * w, D)
        tokens = torch.cat([queries, prefix_tokens, patches], dim=1)
        rope = None if self.rotary is None else self.rotary(grid)
        predictions = []
        for block, prob in zip(self.blocks, self._mask_probs, strict=True):
            attn_mask = None
            if self.training or prob > 0:
                prediction = self._predict(self.norm(tokens), grid)
                predictions.append(prediction)
                attn_mask = self._attention_mask(prediction.mask_logits, grid,
                                                 tokens.shape[1], prob)
            tokens = run_block(block, tokens, attn_mask, self.with_cp, rope)
        return predictions, tokens

    def loss(self, inputs: tuple[Tensor, Tensor],
             batch_data_samples: list[SegDataSample],
             train_cfg: dict | None) -> dict[str, Tensor]:
        """Losses of every prediction, as MMSeg asks a head for them.

        Args:
            inputs: As in :meth:`forward`.
            batch_data_samples: Their ``gt_sem_seg`` in the stored label
                convention.
            train_cfg: Unused, part of MMSeg's interface.

        Returns:
            The losses by name, ``d0.`` and so on for the predictions before
            the joint blocks.
        """
        return self.loss_by_feat(self(inputs), batch_data_samples)

    def loss_with_evidence(
            self, inputs: tuple[Tensor, Tensor],
            batch_data_samples: list[SegDataSample],
            train_cfg: dict | None) -> tuple[dict[str, Tensor], Tensor]:
        """Losses as in :meth:`loss`, and the logits that outlier losses read.

        Returns:
            The losses, and ``seg_logits`` (B, K, h', w') of the last
            prediction at the resolution of its masks.
        """
        predictions = self(inputs)
        losses = self.loss_by_feat(predictions, batch_data_samples)
        return losses, semantic_evidence(predictions[-1])[SEG_LOGITS]

    def loss_by_feat(
            self, predictions: list[Prediction],
            batch_data_samples: list[SegDataSample]) -> dict[str, Tensor]:
        """Losses of predictions that were made.

        Pixels that are void or an outlier belong to no target mask: every
        query learns to leave them alone.
        """
        seg_label = torch.stack(
            [sample.gt_sem_seg.data[0] for sample in batch_data_samples])
        semantic_label, _ = split_outliers(seg_label)
        layers = self.criterion.forward_layers(
            [prediction.mask_logits for prediction in predictions],
            [prediction.class_logits for prediction in predictions],
            semantic_label)
        losses = {}
        for index, layer in enumerate(layers):
            prefix = f'd{index}.' if index < len(layers) - 1 else ''
            losses.update({prefix + k: value for k, value in layer.items()})
            for loss in self.query_losses:
                losses[prefix + loss.loss_name] = loss(
                    predictions[index].class_logits)
        return losses

    def predict_evidence(self, inputs: tuple[Tensor, Tensor],
                         batch_img_metas: list[dict],
                         test_cfg: dict | None) -> dict[str, Tensor]:
        """Evidence per pixel of the input, before any stitching.

        Returns:
            ``seg_logits`` (B, K, H, W), ``eam`` (B, 1, H, W) and
            ``no_object`` (B, 1, H, W), see :func:`semantic_evidence`, and
            what the class head adds.
        """
        return self.evidence_from_prediction(self(inputs)[-1], inputs)

    def evidence_from_prediction(
            self, prediction: Prediction,
            inputs: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        """Evidence as in :meth:`predict_evidence`, without predicting."""
        return semantic_evidence(
            prediction, self.input_size(inputs),
            self.class_head.query_evidence(prediction.class_logits))

    def input_size(self, inputs: tuple[Tensor, Tensor]) -> tuple[int, int]:
        """(H, W) of the images that the inputs of this head come from."""
        return tuple(side * self.patch_size for side in inputs[0].shape[2:])

    def predict(self, inputs: tuple[Tensor, Tensor],
                batch_img_metas: list[dict],
                test_cfg: dict | None) -> Tensor:
        """Semantic evidence (B, K, H, W), as MMSeg asks a head for it."""
        return self.predict_evidence(inputs, batch_img_metas,
                                     test_cfg)[SEG_LOGITS]

    def _predict(self, tokens: Tensor, grid: tuple[int, int]) -> Prediction:
        # contiguous: otherwise PyTorch chooses how to multiply, and rounds,
        # by whether the weights are frozen
        queries = tokens[:, :self.num_queries].contiguous()
        features = self.upscale(patch_map_of(tokens, grid))
        return Prediction(
            multiply_masks(self.mask_head(queries), features),
            self.class_head(queries),
            self.class_head.evidence_scale)

    @torch.no_grad()
    def _attention_mask(self, mask_logits: Tensor, grid: tuple[int, int],
                        num_tokens: int, prob: float) -> Tensor | None:
        """(B, 1, N, N) bool, True where a row may attend; None: anywhere."""
        if prob == 0:
            return None
        unmasked = None
        if self.training:
            unmasked = torch.rand(
                mask_logits.shape[:2], device=mask_logits.device) >= prob
        return query_attention_mask(mask_logits, grid, num_tokens, unmasked)
