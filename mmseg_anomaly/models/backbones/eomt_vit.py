"""EoMTViT: the blocks of an EoMT that run before its queries join.

Shape letters: B images, D channels, H W pixels, h w patches, P prefix tokens
(class and register tokens), N tokens.
"""
import torch
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from timm.layers import resample_abs_pos_embed
from torch import Tensor, nn

from ...checks import check_flags
from ...exporting import is_exporting
from ..eomt.vit import (
    Arch,
    freeze,
    layer_depth,
    materialize,
    rotary_positions,
    run_block,
    split_depth,
)
from ..eomt.vit_settings import VitSettings


@MODELS.register_module()
class EoMTViT(BaseModule):
    """Patch embedding and first blocks of a ViT.

    The remaining ``num_joint_blocks`` blocks belong to ``EoMTDecodeHead``.
    Both need the same ``arch``, ``img_size``, ``patch_size``,
    ``num_joint_blocks`` and ``pretrained``, which ``vit`` of
    ``SlideInferenceWithStitch`` hands to them. Inputs are expected to be
    normalised as the ViT was trained (``SegDataPreProcessor``; DINOv2: RGB,
    ImageNet mean and std).

    Config::

        vit=dict(arch='vit_base_patch14_reg4_dinov2',
                 img_size=(640, 640), num_joint_blocks=3, pretrained=True),
        backbone=dict(type='EoMTViT')

    Args:
        arch: Name of a timm ViT (DINOv2 or DINOv3), or a dict of arguments
            of timm's ``VisionTransformer``, or of ``Eva`` (DINOv3) where it
            has a ``rope_type``.
        img_size: (height, width) in pixels that the position grid is for.
            Other sizes work at run time: positions are interpolated, or
            computed again where they rotate.
        patch_size: Side of a patch in pixels; pretrained patch embeddings of
            another size are resampled.
        num_joint_blocks: How many of the last blocks the head runs.
        pretrained: None, True (timm downloads) or a file. It is read by
            ``init_weights()``, so that testing needs no such file; until
            then, or until a checkpoint is loaded, the values are 0.
        frozen: Keep all parameters fixed and the module in eval mode.
        drop_path_rate: Stochastic depth of the ViT's last block.
        with_cp: Recompute blocks in backward to save memory.
        init_cfg: As in every MMEngine module.

    Raises:
        ValueError: If the arguments do not fit each other.

    Source: Kerssies et al., Your ViT is Secretly an Image Segmentation
    Model, CVPR 2025, section 3.
    """

    def __init__(self,
                 arch: Arch,
                 img_size: tuple[int, int],
                 *,
                 patch_size: int = 16,
                 num_joint_blocks: int = 3,
                 pretrained: str | bool | None = None,
                 frozen: bool = False,
                 drop_path_rate: float = 0.,
                 with_cp: bool = False,
                 init_cfg: dict | list | None = None) -> None:
        super().__init__(init_cfg)
        check_flags(self, frozen=frozen, with_cp=with_cp)
        self.vit_settings = VitSettings.checked(
            arch, img_size, patch_size, num_joint_blocks, pretrained)
        self.patch_size = patch_size
        self.frozen = frozen
        self.with_cp = with_cp
        vit = self.vit_settings.build(drop_path_rate)
        self.depth = len(vit.blocks)
        vit.blocks = vit.blocks[:split_depth(vit, num_joint_blocks)]
        vit.norm = nn.Identity()
        materialize(vit, initialise=not pretrained)
        self.embed_dim = vit.embed_dim
        self.num_prefix_tokens = vit.num_prefix_tokens
        self.no_embed_class = vit.no_embed_class
        self.grid_size = vit.patch_embed.grid_size
        self.patch_embed = vit.patch_embed
        self.cls_token = vit.cls_token
        self.reg_token = vit.reg_token
        self.pos_embed = vit.pos_embed
        self.norm_pre = vit.norm_pre
        self.rotary = rotary_positions(vit)
        self.blocks = nn.ModuleList(vit.blocks)
        self._cached_positions: tuple[tuple, Tensor] | None = None
        if frozen:
            freeze(self)

    def init_weights(self) -> None:
        """Read this half's share of the pretrained ViT.

        Raises:
            FileNotFoundError: If the pretrained file is missing.
            ValueError: If its keys or shapes do not fit.
        """
        super().init_weights()
        if self.vit_settings.pretrained:
            weights = self.vit_settings.read_pretrained()
            self.load_state_dict(
                {key: weights[key] for key in self.state_dict()})

    def train(self, mode: bool = True) -> 'EoMTViT':
        """Set the training mode; a frozen ViT stays in eval mode."""
        return super().train(mode and not self.frozen)

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Encode images up to the joint blocks.

        Args:
            inputs: (B, 3, H, W) normalised images.

        Returns:
            ``(patch_map, prefix_tokens)`` of shapes (B, D, h, w) and
            (B, P, D).

        Raises:
            ValueError: If H or W is not a multiple of the patch size.
        """
        self._check_size(inputs)
        patches = self.patch_embed(inputs)  # (B, h, w, D)
        grid = patches.shape[1:3]
        tokens = self._add_positions(patches)  # (B, P + h * w, D)
        tokens = self.norm_pre(tokens)
        rope = None if self.rotary is None else self.rotary(grid)
        for block in self.blocks:
            tokens = run_block(block, tokens, None, self.with_cp, rope)
        prefix_tokens, patch_tokens = tokens.tensor_split(
            [self.num_prefix_tokens], dim=1)
        patch_map = patch_tokens.transpose(1, 2).unflatten(2, grid)
        return patch_map, prefix_tokens

    def get_layer_depth(self,
                        param_name: str,
                        prefix: str = '') -> tuple[int, int]:
        """See ``VitParamOwner``; embeddings count as block 0."""
        return layer_depth(param_name.removeprefix(prefix), self.depth, 0, 0)

    def is_backbone_param(self, param_name: str, prefix: str = '') -> bool:
        """Whether a parameter is part of the pretrained ViT: all are."""
        return True

    def _check_size(self, inputs: Tensor) -> None:
        height, width = inputs.shape[2:]
        patch = self.patch_size
        if height % patch or width % patch:
            padded = (-(-height // patch) * patch, -(-width // patch) * patch)
            raise ValueError(f'the sides of an image must be multiples of '
                             f'`patch_size` {patch}, got {(height, width)}; '
                             f'pad it to {padded}')

    def _add_positions(self, patches: Tensor) -> Tensor:
        grid = patches.shape[1:3]
        patches = patches.flatten(1, 2)  # (B, h * w, D)
        prefix = [
            token.expand(patches.shape[0], -1, -1)
            for token in (self.cls_token, self.reg_token) if token is not None
        ]
        if self.pos_embed is None:
            return torch.cat([*prefix, patches], dim=1)
        positions = self._positions(grid)
        if self.no_embed_class:
            return torch.cat([*prefix, patches + positions], dim=1)
        return torch.cat([*prefix, patches], dim=1) + positions

    def _positions(self, grid: tuple[int, int]) -> Tensor:
        """Position embeddings on a grid, kept between calls at test time."""
        if tuple(grid) == tuple(self.grid_size):
            return self.pos_embed
        key = (tuple(grid), self.pos_embed._version, self.pos_embed.device,
               self.pos_embed.dtype)
        cached = self._cached_positions
        keeps = not torch.is_grad_enabled() and not is_exporting()
        if keeps and cached and cached[0] == key:
            return cached[1]
        positions = resample_abs_pos_embed(
            self.pos_embed,
            new_size=list(grid),
            old_size=list(self.grid_size),
            num_prefix_tokens=(0 if self.no_embed_class else
                               self.num_prefix_tokens))
        if keeps:
            self._cached_positions = (key, positions)
        return positions
