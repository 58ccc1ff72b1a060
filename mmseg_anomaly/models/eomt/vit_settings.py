"""One statement of a ViT for the two modules that share its blocks."""
import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from mmseg.utils import ConfigType, OptConfigType
from torch import nn

from ...checks import check_integer, check_size, check_text
from .vit import Arch, Vit, build_vit
from .vit_layouts import StateDict
from .vit_weights import load_vit_weights

_READ: ContextVar[dict[str, StateDict]] = ContextVar('read')


@contextmanager
def reading_once() -> Iterator[None]:
    """Let equal settings share what is read of a pretrained ViT."""
    token = _READ.set({})
    try:
        yield
    finally:
        _READ.reset(token)


@dataclass(frozen=True)
class VitSettings:
    """Settings in which both halves of a ViT must agree.

    Attributes:
        arch: As in :func:`~mmseg_anomaly.models.eomt.vit.build_vit`.
        img_size: (height, width) in pixels that the position grid is for.
        patch_size: Side of a patch in pixels.
        num_joint_blocks: How many of the last blocks the decode head runs.
        pretrained: None, True (timm downloads) or a file.
    """

    arch: Arch
    img_size: tuple[int, int]
    patch_size: int = 16
    num_joint_blocks: int = 3
    pretrained: str | bool | None = None

    @classmethod
    def checked(cls, arch: Arch, img_size: tuple[int, int], patch_size: int,
                num_joint_blocks: int,
                pretrained: str | bool | None) -> 'VitSettings':
        """Return settings of which each is of its type.

        Raises:
            TypeError: If one is of another type.
            ValueError: If a size is not positive.
        """
        if not isinstance(arch, str | dict):
            raise TypeError('`arch` must be the name of a timm ViT or a dict '
                            f'of its sizes, got {arch!r}')
        check_size('img_size', img_size, layout='(height, width)')
        check_integer('patch_size', patch_size, low=1)
        check_integer('num_joint_blocks', num_joint_blocks)
        if not isinstance(pretrained, bool):
            check_text('pretrained', pretrained, optional=True)
        return cls(arch, tuple(img_size), patch_size, num_joint_blocks,
                   pretrained)

    def build(self, drop_path_rate: float = 0.) -> Vit:
        """Build the whole ViT on the meta device.

        Raises:
            ValueError: If the settings do not fit each other.
        """
        return build_vit(self.arch, self.img_size, self.patch_size,
                         drop_path_rate)

    def read_pretrained(self) -> StateDict:
        """Read the pretrained values of the whole ViT, by timm's names.

        They stay in the file until they are copied into a model.

        Raises:
            FileNotFoundError: If the file is missing.
            ValueError: If its keys or shapes do not fit.
        """
        read = _READ.get({})
        if repr(self) not in read:
            read[repr(self)] = load_vit_weights(
                self.pretrained, self.arch, self.build(), dtype=None)
        return read[repr(self)]


@runtime_checkable
class VitHalf(Protocol):
    """A module that runs some blocks of a ViT."""

    vit_settings: VitSettings


def hand_out_vit(
        vit: OptConfigType, backbone: ConfigType,
        decode_head: ConfigType) -> tuple[ConfigType, ConfigType]:
    """Write the settings of a ViT into the configs of its two halves.

    Args:
        vit: Any of the attributes of :class:`VitSettings`; None changes
            nothing.
        backbone: Config of an ``EoMTViT``.
        decode_head: Config of an ``EoMTDecodeHead``, or of a head whose
            ``semantic_head`` is one.

    Returns:
        Copies of both configs.

    Raises:
        ValueError: If ``vit`` has an unknown key, or a half states another
            value itself.
    """
    if vit is None:
        return backbone, decode_head
    known = VitSettings.__dataclass_fields__
    unknown = sorted(set(vit) - set(known))
    if unknown:
        raise ValueError(f'`model.vit` has unknown keys {unknown}; it takes '
                         f'{list(known)}')
    backbone = _with_vit(vit, backbone, 'backbone')
    if 'semantic_head' not in decode_head:
        return backbone, _with_vit(vit, decode_head, 'decode_head')
    outer = copy.copy(decode_head)
    outer['semantic_head'] = _with_vit(vit, outer['semantic_head'],
                                       'decode_head.semantic_head')
    return backbone, outer


def _with_vit(vit: Mapping, half: ConfigType, name: str) -> ConfigType:
    for key, value in vit.items():
        if key in half and _comparable(half[key]) != _comparable(value):
            raise ValueError(
                f'`model.{name}.{key}` is {half[key]!r} and `model.vit.{key}` '
                f'is {value!r}: set `model.vit.{key}`, which both halves of '
                f'the ViT get, and leave out `model.{name}.{key}`')
    half = copy.copy(half)
    half.update(vit)
    return half


def _comparable(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def check_same_vit(backbone: nn.Module, decode_head: nn.Module) -> None:
    """Check that two halves of a ViT are halves of the same one.

    Otherwise a block may run twice or nowhere, and strict loading notices
    nothing, because the checkpoint is as wrong as the model.

    Args:
        backbone: Modules that are not a :class:`VitHalf` are not looked at.
        decode_head: Like the backbone.

    Raises:
        ValueError: If they differ in a setting.
    """
    if not (isinstance(backbone, VitHalf) and isinstance(decode_head,
                                                         VitHalf)):
        return
    theirs = vars(decode_head.vit_settings)
    head = 'model.decode_head'
    if 'semantic_head' in dict(decode_head.named_children()):
        head += '.semantic_head'
    for key, value in vars(backbone.vit_settings).items():
        if value != theirs[key]:
            raise ValueError(
                f'backbone and decode head must be halves of one ViT: `{key}` '
                f'is {value!r} in `model.backbone` and {theirs[key]!r} in '
                f'`{head}`; state it once, as `model.vit.{key}`')
