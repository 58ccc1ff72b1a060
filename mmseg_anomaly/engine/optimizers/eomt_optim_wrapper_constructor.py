"""Learning rates that fall block by block towards the input of a ViT."""
from collections import Counter

from mmengine.logging import print_log
from mmengine.optim import DefaultOptimWrapperConstructor
from mmseg.registry import OPTIM_WRAPPER_CONSTRUCTORS
from torch import nn

from ...checks import check_flags, check_number
from ...models.interfaces import AnnealedHead, VitParamOwner

DEFAULT_PARAMWISE_CFG = dict(layer_decay=0.8, decay_joint_blocks=True)


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class EoMTOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """Give each ViT block its rate, whichever half of the model holds it.

    Block b of a ViT with L blocks learns at ``lr * layer_decay^(L - 1 - b)``,
    all that precedes block 0 at the rate of block 0, everything else at
    ``lr``. Weight decay is the optimiser's, for all parameters. Parameters
    that need no gradient are left out.

    Parameters without a ``VitParamOwner`` learn at ``lr``; the owner that is
    an ``AnnealedHead`` holds the joint blocks. Parameters of equal rate
    share a group, which carries ``is_backbone`` for
    ``TwoStageWarmupPolyLR``.

    Args:
        optim_wrapper_cfg: Config of the optimiser wrapper; its ``optimizer``
            states ``lr``.
        paramwise_cfg: ``layer_decay`` in (0, 1], 0.8 unless given; and
            ``decay_joint_blocks``, True unless given, False keeps the joint
            blocks at ``lr``.

    Raises:
        ValueError: If a key is unknown, ``layer_decay`` out of range or
            ``lr`` missing, or (when called) if no module of the model
            answers ``get_layer_depth``.

    Example:
        >>> optim_wrapper=dict(
        ...     type='OptimWrapper',
        ...     optimizer=dict(type='AdamW', lr=1e-4, weight_decay=0.05),
        ...     constructor='EoMTOptimWrapperConstructor',
        ...     paramwise_cfg=dict(layer_decay=0.8))

    Source: rates as ``configure_optimizers`` of tue-mps/eomt@7bd19dd (MIT);
    differs: groups merged by rate, which its optimiser steps faster.
    """

    def __init__(self,
                 optim_wrapper_cfg: dict,
                 paramwise_cfg: dict | None = None) -> None:
        super().__init__(optim_wrapper_cfg,
                         {**DEFAULT_PARAMWISE_CFG, **(paramwise_cfg or {})})

    def _validate_cfg(self) -> None:
        unknown = sorted(set(self.paramwise_cfg) - set(DEFAULT_PARAMWISE_CFG))
        if unknown:
            raise ValueError('`paramwise_cfg` of EoMTOptimWrapperConstructor '
                             f'knows {sorted(DEFAULT_PARAMWISE_CFG)}, got '
                             f'{unknown}')
        check_number('layer_decay', self.paramwise_cfg['layer_decay'],
                     above=0, high=1)
        check_flags(decay_joint_blocks=self.paramwise_cfg[
            'decay_joint_blocks'])
        if self.base_lr is None:
            raise ValueError('`optimizer` must state its `lr`, from which '
                             'the rates of the blocks follow')
        check_number('lr', self.base_lr, low=0, of='optimizer')

    def add_params(self, params: list[dict], module: nn.Module) -> None:
        """Append the groups of a model.

        Args:
            params: Parameter groups, extended in place.
            module: The model.
        """
        owners = {
            name + '.' if name else '': child
            for name, child in module.named_modules()
            if isinstance(child, VitParamOwner)
        }
        if not owners:
            raise ValueError(
                'EoMTOptimWrapperConstructor needs a model of which a module '
                'answers `get_layer_depth`, such as EoMTViT; '
                f'{type(module).__name__} has none: leave out `constructor`')
        groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
        for name, param in module.named_parameters():
            if param.requires_grad:
                key = self._rate(name, owners)
                groups.setdefault(key, []).append(param)
        params.extend(
            dict(params=members, lr=lr, is_backbone=is_backbone)
            for (lr, is_backbone), members in groups.items())
        _log_groups(params)

    def _rate(self, name: str, owners: dict[str, VitParamOwner]
              ) -> tuple[float, bool]:
        prefixes = [p for p in owners if name.startswith(p)]
        if not prefixes:
            return self.base_lr, False
        prefix = max(prefixes, key=len)
        owner = owners[prefix]
        block, num_blocks = owner.get_layer_depth(name, prefix)
        exponent = num_blocks - 1 - block
        if (isinstance(owner, AnnealedHead)
                and not self.paramwise_cfg['decay_joint_blocks']):
            exponent = 0
        return (self.base_lr * self.paramwise_cfg['layer_decay']**exponent,
                owner.is_backbone_param(name, prefix))


def _log_groups(groups: list[dict]) -> None:
    counts = Counter()
    for group in groups:
        counts[group['lr'], group['is_backbone']] += sum(
            param.numel() for param in group['params'])
    lines = [
        f'{lr:.3e}  {"pretrained" if is_backbone else "new":10}  '
        f'{count / 1e6:.2f} M' for (lr, is_backbone), count in counts.items()
    ]
    print_log('learning rates of the parameters:\n' + '\n'.join(lines),
              logger='current')
