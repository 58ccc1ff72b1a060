"""Wean queries off masked attention, block by block."""
from collections.abc import Sequence

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ...checks import check_number, check_numbers
from ...models.interfaces import AnnealedHead


def annealed_prob(step: int, start: int, end: int, power: float) -> float:
    """Return the probability of masking attention after some iterations.

    Args:
        step: Iterations done.
        start: Up to here the probability is 1.
        end: From here on it is 0, >= ``start``.
        power: Exponent of ``(1 - (step - start) / (end - start))^power``
            between the two.

    Returns:
        A probability in [0, 1].
    """
    if step < start:
        return 1.
    if step >= end:
        return 0.
    return (1 - (step - start) / (end - start))**power


@HOOKS.register_module()
class AttnMaskAnnealingHook(Hook):
    """Lower the mask probability of each joint block from 1 to 0.

    It serves every ``AnnealedHead`` of the model, such as
    ``EoMTDecodeHead``. An annealed
    block needs no intermediate prediction at test time. The probabilities
    follow from the iteration alone, so a resumed training goes on as it
    would have.

    Args:
        start_iters: For each joint block, the last iteration at 1.
        end_iters: For each joint block, the first iteration at 0.
        power: Exponent of the fall, > 0.

    Raises:
        ValueError: If the lists differ in length, an end lies before its
            start or ``power`` is not positive; before training, if no module
            has ``attn_mask_probs``, it is frozen or the number of its joint
            blocks is another.

    Example:
        >>> custom_hooks=[
        ...     dict(type='AttnMaskAnnealingHook',
        ...          start_iters=[3317, 8292, 13268],
        ...          end_iters=[6634, 11609, 16585])]

    Source: ``mask_annealing`` of tue-mps/eomt@7bd19dd (MIT).
    """

    def __init__(self,
                 start_iters: Sequence[int],
                 end_iters: Sequence[int],
                 power: float = 0.9) -> None:
        _check_arguments(start_iters, end_iters, power)
        self.start_iters = tuple(start_iters)
        self.end_iters = tuple(end_iters)
        self.power = power

    def before_train(self, runner: Runner) -> None:
        heads = self._heads(runner)
        if not heads:
            raise ValueError('AttnMaskAnnealingHook found no module with '
                             '`attn_mask_probs` in the model; take it out of '
                             '`custom_hooks`')
        for head in heads:
            params = list(head.parameters())
            if params and not any(param.requires_grad for param in params):
                raise ValueError(
                    'AttnMaskAnnealingHook would change a frozen '
                    f'{type(head).__name__}; take it out of `custom_hooks`')
            if len(head.attn_mask_probs) != len(self.start_iters):
                raise ValueError(
                    '`start_iters` and `end_iters` must hold one number for '
                    f'each of the {len(head.attn_mask_probs)} joint blocks, '
                    f'got {len(self.start_iters)}')
        self._anneal(runner, runner.iter)

    def after_train_iter(self,
                         runner: Runner,
                         batch_idx: int,
                         data_batch: dict | None = None,
                         outputs: dict | None = None) -> None:
        # The iteration is counted after the hooks have run.
        self._anneal(runner, runner.iter + 1)

    def _heads(self, runner: Runner) -> list[AnnealedHead]:
        return [module for module in runner.model.modules()
                if isinstance(module, AnnealedHead)]

    def _anneal(self, runner: Runner, step: int) -> None:
        probs = [annealed_prob(step, start, end, self.power) for start, end
                 in zip(self.start_iters, self.end_iters, strict=True)]
        for head in self._heads(runner):
            head.set_attn_mask_probs(probs)


def _check_arguments(start_iters: Sequence[int], end_iters: Sequence[int],
                     power: float) -> None:
    for name, iters in (('start_iters', start_iters),
                        ('end_iters', end_iters)):
        check_numbers(name, iters, kind=int, low=0)
    if len(start_iters) != len(end_iters):
        raise ValueError('`start_iters` and `end_iters` must be of one '
                         f'length, got {len(start_iters)} and '
                         f'{len(end_iters)}')
    if any(start > end
           for start, end in zip(start_iters, end_iters, strict=True)):
        raise ValueError('no entry of `end_iters` may lie before that of '
                         f'`start_iters`, got {list(start_iters)} and '
                         f'{list(end_iters)}')
    check_number('power', power, above=0)
