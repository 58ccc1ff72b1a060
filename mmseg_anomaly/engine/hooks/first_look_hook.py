"""Compare the parts of a run before its first iteration."""
from collections.abc import Sequence

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.runner.base_loop import BaseLoop
from mmseg.registry import HOOKS

from ...checks import check_choice, check_texts
from ..first_look import CHECKS, REMARKS, Look
from ..model_wrappers import unwrap_model


@HOOKS.register_module()
class FirstLookHook(Hook):
    """Stop before the first iteration, or test image, if parts disagree.

    The checks, which ``skip`` lifts by name:

    - ``classes``: heads, ``LoadCheckedAnnotations``, datasets and metrics
      are for the same number of classes;
    - ``order``: datasets name them in the order of the model;
    - ``void``: padding has the label that heads ignore;
    - ``vit``: both halves of an EoMT state the same ViT;
    - ``anomalies``: a head or loss that learns from anomalies is given some;
    - ``loop``: a loop trains something, and its sampler lets it end;
    - ``schedule``: learning rates count iterations where there are no epochs;
    - ``pairs``: images and labels of MMSeg's folder datasets match;
    - ``idle``: no learning rate is 0 long before the end; only a warning.

    A training looks at its validation, too. Our configs and tools use it::

        default_hooks = dict(first_look=dict(type='FirstLookHook'))

    Args:
        skip: Names of checks to leave out.

    Raises:
        TypeError: If ``skip`` is not a list of texts.
        ValueError: If it names no check; before the run, if parts disagree.
    """

    # Before anything is written.
    priority = 'VERY_HIGH'

    def __init__(self, skip: Sequence[str] = ()) -> None:
        check_texts('skip', skip, of=self)
        for name in skip:
            check_choice('skip', name, (*CHECKS, *REMARKS), of=self)
        self.skip = tuple(skip)
        self._seen: set[str] = set()

    def before_train(self, runner: Runner) -> None:
        """Look at the training, and at its validation."""
        self._look(runner, 'train', runner.train_loop)
        if runner.val_loop is not None:
            self._look(runner, 'val', runner.val_loop)

    def before_val(self, runner: Runner) -> None:
        """Look at the validation, once."""
        self._look(runner, 'val', runner.val_loop)

    def before_test(self, runner: Runner) -> None:
        """Look at the test, once."""
        self._look(runner, 'test', runner.test_loop)

    def _look(self, runner: Runner, phase: str, loop: BaseLoop) -> None:
        if phase in self._seen:
            return
        self._seen.add(phase)
        look = Look(phase, loop, unwrap_model(runner.model))
        for name, check in CHECKS.items():
            problem = None if name in self.skip else check(look)
            if problem is not None:
                raise ValueError(
                    f'{problem} (default_hooks.first_look.skip=[{name}] '
                    'leaves this check out)')
        for name, remark in REMARKS.items():
            found = None if name in self.skip else remark(look)
            if found is not None:
                runner.logger.warning(found)
