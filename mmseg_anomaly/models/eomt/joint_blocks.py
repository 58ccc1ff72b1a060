"""The last blocks of a ViT, which queries and patches share."""
from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import nn

from ...checks import check_integer
from .vit import (
    Arch,
    layer_depth,
    materialize,
    prepend_tokens,
    rotary_positions,
    split_depth,
)
from .vit_settings import VitSettings
from .vit_weights import select_part


class JointBlocks(BaseModule):
    """Blocks, final norm, and how often each block masks its attention.

    Args:
        num_queries: How many tokens join in front.
        arch, img_size, patch_size, num_joint_blocks, pretrained,
            drop_path_rate, init_cfg: As in ``EoMTViT``.

    Raises:
        ValueError: If the arguments do not fit each other.
    """

    def __init__(self,
                 arch: Arch,
                 img_size: tuple[int, int],
                 *,
                 patch_size: int,
                 num_joint_blocks: int,
                 num_queries: int,
                 pretrained: str | bool | None = None,
                 drop_path_rate: float = 0.,
                 init_cfg: dict | list | None = None) -> None:
        super().__init__(init_cfg)
        check_integer('num_queries', num_queries, low=0, of=self)
        self.vit_settings = VitSettings.checked(
            arch, img_size, patch_size, num_joint_blocks, pretrained)
        self.patch_size = patch_size
        self.num_queries = num_queries
        vit = self.vit_settings.build(drop_path_rate)
        self.depth = len(vit.blocks)
        self.first_block = split_depth(vit, num_joint_blocks)
        vit.blocks = vit.blocks[self.first_block:]
        materialize(vit, initialise=not pretrained)
        self.embed_dim = vit.embed_dim
        self.blocks = nn.ModuleList(vit.blocks)
        self.norm = vit.norm
        self.rotary = rotary_positions(vit)
        if self.rotary is not None:
            prepend_tokens(self.blocks, num_queries)
        self.register_buffer('attn_mask_probs', torch.ones(num_joint_blocks))
        self._mask_probs = (1., ) * num_joint_blocks
        self.register_load_state_dict_post_hook(_remember_mask_probs)

    def init_weights(self) -> None:
        """Read this half's share of the pretrained ViT.

        Raises:
            FileNotFoundError: If the pretrained file is missing.
            ValueError: If its keys or shapes do not fit.
        """
        super().init_weights()
        if not self.vit_settings.pretrained:
            return
        weights = self.vit_settings.read_pretrained()
        for index, block in enumerate(self.blocks, self.first_block):
            block.load_state_dict(select_part(weights, f'blocks.{index}.'))
        self.norm.load_state_dict(select_part(weights, 'norm.'))

    def set_attn_mask_probs(self, probs: Sequence[float]) -> None:
        """Set how often each joint block masks the attention of a query.

        Args:
            probs: One probability for each joint block.

        Raises:
            ValueError: If their number or range is wrong.
        """
        if len(probs) != len(self.blocks) or not all(
                0 <= p <= 1 for p in probs):
            raise ValueError(f'expected {len(self.blocks)} probabilities in '
                             f'[0, 1], one for each joint block, got {probs}')
        self._mask_probs = tuple(float(p) for p in probs)
        self.attn_mask_probs.copy_(torch.tensor(self._mask_probs))

    def get_layer_depth(self,
                        param_name: str,
                        prefix: str = '') -> tuple[int, int]:
        """See ``VitParamOwner``; all but the blocks count as the last."""
        return layer_depth(param_name.removeprefix(prefix), self.depth,
                           self.first_block, self.depth - 1)

    def is_backbone_param(self, param_name: str, prefix: str = '') -> bool:
        """Whether a parameter is part of the pretrained ViT."""
        name = param_name.removeprefix(prefix)
        return name.startswith(('blocks.', 'norm.'))


def _remember_mask_probs(head: JointBlocks, incompatible: object) -> None:
    """Keep the loaded probabilities on the host: reading costs a sync."""
    head._mask_probs = tuple(head.attn_mask_probs.tolist())
