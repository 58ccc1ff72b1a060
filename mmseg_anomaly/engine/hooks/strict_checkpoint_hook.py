"""Stop where MMEngine only warns: a checkpoint that does not fit."""
import re
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import Tensor

from ...checks import check_texts
from ..checkpoint import load_state_dict_strictly
from ..model_wrappers import unwrap_model


@HOOKS.register_module()
class StrictCheckpointHook(Hook):
    """Compare every checkpoint that is loaded or resumed with the model.

    Any runner of MMEngine calls it, for `load_from`, resuming and testing::

        default_hooks = dict(
            strict_checkpoint=dict(type='StrictCheckpointHook'))
        allow_missing = ['decode_head.class_head']  # of the config

    The config's `allow_missing` lists regular expressions, matched from the
    start of a key; the keys they match may be missing, unexpected or of
    another shape. An expression that matches no key is named in the log.
    """

    # After every hook that may still change the checkpoint.
    priority = 'LOWEST'

    def after_load_checkpoint(self, runner: Runner,
                              checkpoint: dict[str, Any]) -> None:
        """Load the values here, strictly, before the runner does.

        Raises:
            RuntimeError: If keys differ; names all of them.
            TypeError: If `allow_missing` is not a list of strings.
            ValueError: If one is not a regular expression.
        """
        allow_missing = runner.cfg.get('allow_missing', ())
        if isinstance(allow_missing, str):
            raise TypeError(
                '`allow_missing` must be a list of regular expressions, got '
                f'the string {allow_missing!r}: write [{allow_missing!r}].')
        check_texts('allow_missing', allow_missing)
        _check_expressions(allow_missing)
        state_dict = checkpoint.get('state_dict', checkpoint)
        load_state_dict_strictly(
            unwrap_model(runner.model), _without_wrapper(state_dict),
            allow_missing)


def _check_expressions(patterns: Iterable[str]) -> None:
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(
                '`allow_missing` must list regular expressions, got '
                f'{pattern!r} ({error})') from None


def _without_wrapper(state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
    renamed = OrderedDict(
        (re.sub(r'^module\.', '', key), value)
        for key, value in state_dict.items())
    # torch reads the versions of layers from here; a plain dict has none
    renamed._metadata = getattr(state_dict, '_metadata', {})
    return renamed
