"""Tiny EoMTs of every kind, all values random."""
import pytest
import torch

from mmseg_anomaly.models.backbones import EoMTViT
from mmseg_anomaly.models.decode_heads import EoMTDecodeHead

REGISTERS = dict(embed_dim=16, depth=3, num_heads=2, reg_tokens=2,
                 no_embed_class=True, init_values=0.5)
CLASS_POSITION = dict(embed_dim=16, depth=3, num_heads=2, init_values=0.5)
ALL_POSITIONS = dict(embed_dim=16, depth=3, num_heads=2, reg_tokens=2,
                     init_values=0.5)
ROTARY = dict(
    embed_dim=16, depth=3, num_heads=2, num_reg_tokens=2, init_values=0.5,
    qkv_bias=True, rope_type='dinov3', rope_temperature=100,
    rope_rotate_half=True, use_rot_pos_emb=True, use_abs_pos_emb=False)
ARCHS = dict(registers=REGISTERS, class_position=CLASS_POSITION,
             all_positions=ALL_POSITIONS, rotary=ROTARY)


class Model(torch.nn.Module):
    """The two halves under the names that a segmentor gives them."""

    def __init__(self, arch='registers', img_size=(64, 64), num_classes=4,
                 **kwargs) -> None:
        super().__init__()
        vit = dict(arch=ARCHS[arch], img_size=img_size, num_joint_blocks=1,
                   **kwargs)
        self.backbone = EoMTViT(**vit)
        self.decode_head = EoMTDecodeHead(
            **vit, num_classes=num_classes, num_queries=5)

    def forward(self, images):
        return self.decode_head(self.backbone(images))


@pytest.fixture
def make_model():
    """Return a function that builds an EoMT in eval mode."""

    def make(arch='registers', seed=0, **kwargs) -> Model:
        torch.manual_seed(seed)
        model = Model(arch, **kwargs)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
        model.decode_head.set_attn_mask_probs([0.25])
        return model.eval()

    return make


@pytest.fixture
def assert_same():
    """Return a function that compares two state dicts to the bit."""

    def compare(found, expected) -> None:
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            assert found[name].dtype == value.dtype, name
            assert torch.equal(found[name], value), name

    return compare
