"""Stop a training whose numbers are no longer finite."""
from typing import Any

from mmengine.hooks import CheckpointHook, Hook
from mmengine.optim import AmpOptimWrapper
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import as_tensor

from ...finite import all_finite, check_finite_weights


@HOOKS.register_module()
class FiniteHook(Hook):
    """Stop at a loss or a weight that is NaN or infinite.

    Later checkpoints would replace the good ones. So weights are looked at
    before each is written, and before the oldest makes room for it.

    In float16 a scaler skips steps whose gradients overflow, and halves its
    scale: there a loss may be infinite until the scale falls below 1.

    Our configs and tools use it::

        default_hooks = dict(finite=dict(type='FiniteHook'))
    """

    # Before anything is logged or saved.
    priority = 'VERY_HIGH'

    def after_train_iter(self, runner: Runner, batch_idx: int,
                         data_batch: dict | None = None,
                         outputs: dict[str, Any] | None = None) -> None:
        """Look at the losses, and at the weights if they will be saved.

        Raises:
            RuntimeError: If a loss is not finite.
            ValueError: If a weight is not.
        """
        losses = {name: as_tensor(value).detach()
                  for name, value in (outputs or {}).items() if 'loss' in name}
        broken = {name: value.item() for name, value in losses.items()
                  if not all_finite(value)}
        if broken and not _scaler_may_recover(runner):
            named = ', '.join(f'{name} {value}'
                              for name, value in broken.items())
            raise RuntimeError(
                f'the loss is not finite at iteration {runner.iter + 1}: '
                f'{named}; {_newest_checkpoint(runner)}; lower the learning '
                'rate, or look at the data of this iteration')
        if any(_saves_now(hook, runner) for hook in runner.hooks):
            self.after_train_epoch(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        """Look at the weights.

        Raises:
            ValueError: If one is not finite.
        """
        check_finite_weights(
            runner.model.state_dict(),
            f'the model after iteration {runner.iter + 1} is not saved '
            f'({_newest_checkpoint(runner)}): it')


def _scaler_may_recover(runner: Runner) -> bool:
    wrapper = runner.optim_wrapper
    return (isinstance(wrapper, AmpOptimWrapper)
            and wrapper.loss_scaler.is_enabled()
            and wrapper.loss_scaler.get_scale() >= 1)


def _saves_now(hook: Hook, runner: Runner) -> bool:
    return (isinstance(hook, CheckpointHook) and not hook.by_epoch
            and (hook.every_n_train_iters(runner, hook.interval,
                                          hook.save_begin)
                 or hook.is_last_train_iter(runner)))


def _newest_checkpoint(runner: Runner) -> str:
    newest = runner.message_hub.get_info('last_ckpt')
    if newest is None:
        return 'no checkpoint was written before'
    return f'the newest good checkpoint is {newest}'
